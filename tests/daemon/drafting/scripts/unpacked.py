import sys

data_path, learning_rate, batch_size = sys.argv[1:4]
learning_rate = float(learning_rate)
batch_size = int(batch_size)
print("accuracy:", 0.5 + learning_rate)
