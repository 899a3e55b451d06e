"""The verbs: what a person or a program can have retuned do, with plain arguments and plain records as results.

The command line calls them in its own process, or over HTTP in the service's; they do the same in both.
"""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from ...strategies.alerting.message import Event
from ...strategies.errors import InputError
from ..adoption.hooks import run_waiting_hooks
from ..adoption.telling import News, tell_adoption
from ..campaign.look import Looked, look_at
from ..campaign.panda_wishes import Wished, wish_back, wish_hold, wish_values
from ..campaign.reopen import reopen
from ..campaign.request import ask_for, baseline_request, retune_request, trainable
from ..campaign.seen_parts import SharedReads
from ..config.model_file import model_file_in
from ..reports.progress import progress_of
from ..state.alert_telling import tell_due
from ..state.audit import Act, Snapshot, reason_text, recorded
from ..state.campaigns.campaign_writes import cancel_campaign
from ..state.campaigns.campaigns import Campaign, find_campaign, open_campaigns
from ..state.campaigns.holder_end import end_holder
from ..state.campaigns.lease import as_only_one
from ..state.campaigns.lease_file import folder_of
from ..state.faults import set_fact
from ..state.models import adoption
from ..state.models.merged_values import Values
from ..state.models.registry import find_model, register, set_state
from ..state.models.removal import Removal, retire_unless_busy
from ..state.running_service import is_serving
from ..state.tokens import NewToken, Token, create_token, list_tokens, revoke_token, token_snapshot
from ..training.supervisor import end_workers
from ..upkeep.backup import FACT as LAST_BACKUP
from ..upkeep.backup import drop_old_backups, folder_of_backups, make_backup
from ..upkeep.removal import remove_with_folders
from ..upkeep.retention import empty_trash
from .alert_verbs import AlertVerbs
from .channel_verbs import ChannelVerbs, check_channel_names
from .model_view import SentModel
from .progress_view import Standing
from .proposed_view import Proposed, proposed_view
from .reading_verbs import ReadingVerbs
from .status_verb import StatusVerb
from .user_paths import check_paths_for
from .views import CopyMade, Queued, Registered


class Verbs(ReadingVerbs, StatusVerb, AlertVerbs, ChannelVerbs):
    """One method for each verb; those that read what is recorded are inherited."""

    def standing(self, campaign: int) -> Standing:
        """A campaign's current state."""
        present = find_campaign(self.store, campaign)
        return Standing(self._model_of(present), present, progress_of(self.store, present))

    def register(self, content: str, file: Path, values: Values | None = None) -> Registered:
        """Register a model file's content; `file` is its absolute path, and relative paths count from its folder.

        `values`: whose hold where the file was edited after an adoption, the file's or the current ones.
        """
        if not file.is_absolute():
            raise InputError(f"{file} is a relative path", "allowed: the model file's absolute path")
        model_file = model_file_in(content.encode(errors="surrogateescape"), file)
        check_paths_for(self.user, model_file)
        check_channel_names(model_file.alerts.channels, tuple(self.config.channels))
        with self._recorded("register", model_file.name):
            done = register(self.store, model_file, file, self.clock.now(), self.config.schedule, values)
        waits = any(campaign.kind == "baseline" for campaign in open_campaigns(self.store, done.model.id))
        return Registered(done.model.name, done.sentence, waits)

    def pause(self, name: str, why: str | None = None) -> SentModel:
        """Stop scheduled re-evaluations until the model is resumed."""
        with self._recorded("pause", name, why=why):
            return set_state(self.store, name, "paused")

    def resume(self, name: str, why: str | None = None) -> SentModel:
        """Resume scheduled re-evaluations."""
        with self._recorded("resume", name, why=why):
            return set_state(self.store, name, "active")

    def look(self, name: str) -> Looked:
        """Look at a model's data, code and environment now; a change that counts queues a re-evaluation."""
        return look_at(
            self.store,
            trainable(self.store, name),
            self.config,
            self.clock,
            SharedReads(os.environ, self.config.workers),
        )

    def retire(self, name: str, why: str | None = None) -> SentModel:
        """Take a model out of service; its open campaigns are cancelled."""
        with self._recorded("retire", name, why=why):
            model = set_state(self.store, name, "retired", self.clock.now())
        for campaign in open_campaigns(self.store, model.id):
            self._cancel(campaign)
        return model

    def remove(self, name: str, retire: bool = False, why: str | None = None) -> Removal:
        """Delete a retired model with its history and what its campaigns left; `retire`: one in use, too."""
        if retire:
            with self._recorded("retire", name, why=why):
                retire_unless_busy(self.store, name, self.clock.now())
        tell_due(self.store, self.config, self.clock.now())
        with self._recorded("remove", name, why=why):
            removal = remove_with_folders(self.store, name, self.clock.now(), self.caller)
        if self.user is None and not is_serving(self.store.state):
            empty_trash(self.store.state)
        return removal

    def baseline(self, name: str) -> Queued:
        """Queue the training of the current settings on fresh seeds, or continue the open one."""
        request = baseline_request(self.store, name)
        with self._recorded("baseline", name):
            return Queued(ask_for(self.store, request, self.clock), None)

    def retune(
        self, name: str, strategy: str | None = None, budget_s: float | None = None, seed: int | None = None
    ) -> Queued:
        """Queue a manual re-evaluation, or continue the open one; an open baseline runs first."""
        request = retune_request(self.store, name, strategy, budget_s, seed)
        with self._recorded("retune", name):
            campaign = ask_for(self.store, request, self.clock)
        baselines = [other for other in open_campaigns(self.store, campaign.model_id) if other.kind == "baseline"]
        return Queued(campaign, baselines[0] if baselines else None)

    def confirm(self, name: str, more: int = 8, campaign: int | None = None) -> Campaign:
        """Reopen an INCONCLUSIVE re-evaluation for more pairs."""
        model = trainable(self.store, name)
        with self._recorded("confirm", name, subject=None if campaign is None else f"campaign {campaign}"):
            return reopen(self.store, model, more, campaign)

    def cancel(self, named: str) -> tuple[Campaign, ...]:
        """Cancel the campaign of that number, or the open ones of that model."""
        campaigns = tuple(campaign for campaign in self.open_of(named) if campaign.is_open)
        for campaign in campaigns:
            self._cancel(campaign)
        return campaigns

    def nudge(self, campaign: int, values: dict[str, float]) -> Wished:
        """Give a running panda new values from the next day."""
        with self._recorded("nudge", self._name_of(campaign), subject=_wished(campaign, **values)):
            return wish_values(self.store, campaign, values)

    def back(self, campaign: int, to_day: int) -> Wished:
        """Roll a running panda back to the end of an earlier day."""
        with self._recorded("back", self._name_of(campaign), subject=_wished(campaign, to_day=to_day)):
            return wish_back(self.store, campaign, to_day)

    def hold(self, campaign: int, release: bool = False) -> Wished:
        """Stop automatic moves of a running panda, or resume them."""
        with self._recorded("hold", self._name_of(campaign), subject=_wished(campaign, release=release)):
            return wish_hold(self.store, campaign, release=release)

    def proposed(
        self,
        name: str,
        campaign: int | None = None,
        from_file: bool = False,
        back: bool = False,
        to: int | None = None,
    ) -> Proposed:
        """What adopt would make current, or with `back` what rollback would, and the evidence; nothing is changed."""
        found = self._proposal(name, campaign, from_file, back, to)
        adoption.check_proposal(found)
        return proposed_view(found)

    def adopt(
        self, name: str, campaign: int | None = None, from_file: bool = False, why: str | None = None
    ) -> SentModel:
        """Adopt recommended values, or those edited in the settings file."""
        return self._make_current("adopt", self._proposal(name, campaign, from_file, False, None), why)

    def rollback(self, name: str, to: int | None = None, why: str | None = None) -> SentModel:
        """Adopt an older settings version again."""
        return self._make_current("rollback", self._proposal(name, None, False, True, to), why)

    def backup(self) -> CopyMade:
        """Make a checked copy of the database now."""
        path = make_backup(self.config.state, folder_of_backups(self.config), self.clock.now())
        size = path.stat().st_size
        set_fact(self.store, LAST_BACKUP, {"path": str(path), "bytes": size}, self.clock.now())
        drop_old_backups(path.parent, self.config.backup.keep)
        return CopyMade(path, size)

    def token_create(self, name: str, role: str) -> NewToken:
        """Create a token; its secret is returned this once."""
        with self._recorded("token create", subject=name, look=lambda: token_snapshot(self.store, name)):
            return create_token(self.store, name, role, self.clock.now())

    def token_list(self) -> tuple[Token, ...]:
        """Every token, including revoked ones."""
        return list_tokens(self.store)

    def token_revoke(self, name: str) -> Token:
        """Revoke a token."""
        with self._recorded("token revoke", subject=name, look=lambda: token_snapshot(self.store, name)):
            return revoke_token(self.store, name, self.clock.now())

    def _cancel(self, campaign: Campaign) -> None:
        """Cancel a campaign; the service ends its process and remaining workers, or we where there is none."""
        with self._recorded("cancel", campaign.model, subject=f"campaign {campaign.id}"):
            cancel_campaign(self.store, campaign, self.clock.now())
        if self.user is None:
            if not is_serving(self.store.state):
                end_holder(self.store.state, campaign.id, self.clock)
            with as_only_one(self.store.state, campaign.id) as is_mine:
                if is_mine:
                    end_workers(folder_of(self.store.state, campaign.id), self.clock)

    def _proposal(
        self, name: str, campaign: int | None, from_file: bool, back: bool, to: int | None
    ) -> adoption.Proposal:
        if back:
            return adoption.rollback_proposal(self.store, name, to)
        if from_file:
            return adoption.file_proposal(self.store, name)
        return adoption.proposal(self.store, name, campaign)

    def _make_current(self, verb: str, proposed: adoption.Proposal, why: str | None) -> SentModel:
        """Make settings current; the hook is run here where no service does."""
        name, campaign = proposed.model.name, proposed.campaign
        why = None if why is None else reason_text(why)
        subject = None if campaign is None else f"campaign {campaign.id}"
        with self._recorded(verb, name, subject=subject, why=why, also=lambda: self._tell(name, proposed)):
            model = adoption.make_current(self.store, proposed, self.clock.now(), self.by, why)
        if self.user is None and not is_serving(self.store.state):
            run_waiting_hooks(self.store, self.clock)
        return model

    def _tell(self, name: str, proposed: adoption.Proposal) -> None:
        """Tell programs of the change, inside the open transaction."""
        model = find_model(self.store, name)
        version = model.settings_version
        title = f"settings v{version} are current now"
        sentence = f"{self.by} made them current: {proposed.origin}."
        commands = (f"retuned show {name}", f"retuned rollback {name}")
        news = News(f"v{model.id}_{version}", Event.ADOPTED, proposed.campaign_id, title, sentence, commands)
        tell_adoption(self.store, model, news, self.config, self.clock.now())

    def _name_of(self, campaign: int) -> str:
        return find_campaign(self.store, campaign).model

    def _recorded(
        self,
        verb: str,
        model: str | None = None,
        *,
        subject: str | None = None,
        why: str | None = None,
        look: Callable[[], Snapshot] | None = None,
        also: Callable[[], None] = lambda: None,
    ) -> AbstractContextManager[None]:
        """Records the act in the audit, with the next transaction in the block; `also` writes more in it."""
        act = Act(self.by, verb, model, subject, why, self.request_id)
        return recorded(self.store, act, self.clock.now(), look, also)


def _wished(campaign: int, **wish: object) -> str:
    words = ", ".join(f"{name} {value}" for name, value in wish.items())
    return f"campaign {campaign}: {words}"
