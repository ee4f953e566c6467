"""Resume = replay: the campaign is asked again in log order, in memory, and told what the log says came of it."""

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from apportion.errors import InputError
from apportion.evaluators.measurement import Trial
from apportion.evaluators.proposal import Proposal
from apportion.search.campaign import Campaign
from apportion.search.study import from_json, trial_of
from apportion.search.study_log import Record


class ReplayDiffers(UserWarning):
    """A controller proposed something else than the log says it did; the log was followed."""


@dataclass(frozen=True)
class Replayed:
    """Where the log left off: trials told, proposals open (in the order asked), the first record that differed."""

    trials: tuple[Trial, ...]
    open: tuple[Proposal, ...]
    test_opened: bool
    differed_at: int | None


def replay(campaign: Campaign, records: Iterable[Record], amend: Callable[[Record], None]) -> Replayed:
    """Bring a fresh `campaign` to where the log left off; `amend` applies an amend record to it."""
    asked: dict[str, Proposal] = {}
    trials: list[Trial] = []
    test_opened, differed = False, None
    for record in records:
        if record.kind == "ask":
            logged: Proposal = from_json(Proposal, record.fields["proposal"])
            again = campaign.ask()
            if again != logged:
                if not isinstance(again, Proposal) or again.id != logged.id:
                    raise InputError(
                        f"study log, record {record.sequence}",
                        f"asks for {logged.id}, replayed it is {again.id if isinstance(again, Proposal) else again}",
                        "a resumed study must repeat its own order",
                        "continue with the versions that its header names",
                    )
                differed = record.sequence if differed is None else differed
            asked[logged.id] = logged
        elif record.kind in ("tell", "fail"):
            trial = trial_of(record, asked.pop(record.fields["id"]))
            campaign.tell(trial)
            trials.append(trial)
        elif record.kind == "amend":
            amend(record)
        elif record.kind == "open_test":
            test_opened = True
    if differed is not None:
        warnings.warn(
            f"record {differed}: a controller now proposes something else (other versions?); the log was followed",
            ReplayDiffers,
            stacklevel=2,
        )
    return Replayed(tuple(trials), tuple(asked.values()), test_opened, differed)
