from absl import app, flags, logging

FLAGS = flags.FLAGS
flags.DEFINE_float("learning_rate", 0.001, "Learning rate of Adam.")
flags.DEFINE_float("dropout_rate", 0.1, "Dropout.")
flags.DEFINE_integer("batch_size", 128, "Batch size.", lower_bound=1)
flags.DEFINE_integer("num_epochs", 12, "Number of epochs.")
flags.DEFINE_integer("seed", 0, "Random seed.")
flags.DEFINE_string("train_file", None, "Training CSV.")
flags.DEFINE_string("eval_file", None, "Evaluation CSV.")
flags.DEFINE_enum("optimizer", "adam", ["adam", "sgd"], "Optimizer.")
flags.DEFINE_bool("use_nesterov", False, "Nesterov momentum.")
flags.DEFINE_string("workdir", "/tmp/run", "Where to write.")
flags.mark_flags_as_required(["train_file", "eval_file"])


def main(argv):
    del argv
    for epoch in range(1, FLAGS.num_epochs + 1):
        train_loss, test_loss, test_accuracy = 1.0, 1.0, 0.5
        logging.info("epoch:% 3d, train_loss: %.4f, test_loss: %.4f, test_accuracy: %.2f", epoch, train_loss, test_loss,
                     test_accuracy * 100)


if __name__ == "__main__":
    app.run(main)
