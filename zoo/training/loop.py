"""The loop of a training: steps, and now and then a look at the device, a line, held-out data, a checkpoint."""

import time
import warnings
from collections.abc import Callable
from pathlib import Path
from signal import SIGTERM
from typing import Any, NamedTuple

import torch
import torch.distributed as dist

from zoo.contract import Sample
from zoo.data.feeding.order import spread
from zoo.data.inspecting.sheet import write_png
from zoo.files import replacing
from zoo.progress import Pace, Tick, duration
from zoo.training import checkpoint
from zoo.training.folder import CHECKPOINTS, PICTURES
from zoo.training.journal import Journal
from zoo.training.plan import choice_step, pixels, samples_at
from zoo.training.setup import Setup
from zoo.training.signals import StopRequest
from zoo.training.splits import not_held_out, validation_data
from zoo.training.step import Elapsed, Sums
from zoo.training.trainer import Trainer, TrainingError
from zoo.training.validation import validate

CHECK = 10  # steps between two looks at the device: losses, signals, clocks
LINES = 200  # of the log, about, over a whole training
LOOKS = 10  # at held-out data, where the recipe does not say
PATIENCE = 20  # steps in a row that are not finite before a run stops: half precision needs some to find its scale
WORTH_A_WORD = 0.05  # of the time, in augmentation
MENTIONED = 3  # such steps at the end of a run
CURES = "Try a lower lr, clip_norm or precision fp32"


class StoppedError(Exception):
    """The training was asked to stop, and everything is saved."""

    def __init__(self, signal: int, message: str):
        super().__init__(message)
        self.signal = signal


class DivergedError(TrainingError):
    """The steps no longer give numbers."""


class Trial(NamedTuple):
    """A loop that ends where one of several rates is chosen."""

    number: int  # from 0
    spent: float  # seconds of those before


class Loop:
    """The loop around a trainer: looks, lines, checkpoints. trial: of one of the recipe's rates, not the whole."""

    def __init__(
        self,
        trainer: Trainer,
        folder: Path,
        setup: Setup,
        tick: Tick,
        state: dict[str, Any] | None,
        trial: Trial | None = None,
    ):
        self.trainer, self.folder, self.save_every, self.tick = trainer, folder, setup.save_every, tick
        self.world, self.recipe = trainer.world, trainer.recipe
        self.clocks, self.sums, self.pace = Elapsed(), Sums(), Pace()
        self.label, self.replaced = "", ""
        self.total_steps = sum(phase.steps for phase in trainer.phases)
        self.trial, self.choice = trial, choice_step(trainer.recipe, trainer.phases)
        self.end = self.choice if trial else self.total_steps
        self.log_every = CHECK * max(1, round(self.total_steps / LINES / CHECK))
        trainer.begin(trainer.phases[0])
        if state:
            self._take_up(state)
        self.journal = (
            Journal(folder, upto=trainer.step_number, tensorboard=setup.tensorboard) if self.world.is_first else None
        )

    def run(self) -> StoppedError | None:
        """Go through what is left of the stages; what is given where a signal has ended that."""
        trainer = self.trainer
        self.last = self.saved = time.monotonic()
        if self.recipe.start and not trainer.step_number:
            self.save()  # so that whoever resumes needs the file no more
        try:
            with StopRequest() as request:
                left = trainer.phases[trainer.phase.number - 1 :]
                for phase in left:
                    if trainer.step_number == self.end:  # a trial may end before a stage does
                        break
                    if phase is not trainer.phase:
                        trainer.begin(phase)
                        trainer.step.meter.go_on(self.sums.streak)
                    self.held_out = validation_data(self.recipe.data, phase.stage.hw, self.world.device)
                    line = not_held_out(trainer.split, self.held_out)
                    if line and phase is left[0] and self.world.is_first:
                        warnings.warn(line, stacklevel=2)
                    if self._stage(request):
                        return StoppedError(
                            request.signal or SIGTERM,
                            f"stopped at step {trainer.step_number:,} of {self.total_steps:,}; all is saved, --resume"
                            " continues",
                        )
        except RuntimeError as error:
            if "DataLoader worker (pid" not in str(error):  # an error that was raised in one says no number
                raise
            raise TrainingError(
                f"a process that prepares data has died ({str(error).splitlines()[0]}); memory may have run out."
                " Continue with --resume and fewer --workers"
            ) from None
        finally:
            if self.journal:
                self.journal.close()
        if self.replaced and self.world.is_first:
            warnings.warn(f"{self.replaced}\neach damaged sample was replaced by the next one", stacklevel=2)
        if self.sums.streak >= MENTIONED and self.world.is_first and not self.trial:
            warnings.warn(f"the last {self.sums.streak} steps were not finite and were skipped. {CURES}", stacklevel=2)
        return None

    def _stage(self, request: StopRequest) -> bool:
        """What is left of a stage; whether a signal has ended it."""
        trainer, feed = self.trainer, self.trainer.feed()
        self.waited, self.augmented = 0.0, trainer.augmented
        ended = False
        with trainer.memory(trainer.phase):  # batches are brought to the device in the feed
            for batch in feed:
                trainer.train(batch)
                self.clocks.line_steps += 1
                ended = self._is_time(request) and self._check(batch, feed.waited, request)
                if ended or self._is_over():  # the last may be looked at before the feed has ended
                    break
        self.replaced = feed.report() or self.replaced
        return ended

    def _is_time(self, request: StopRequest) -> bool:
        """Whether to look at the device now: every few steps, which all processes count alike; one alone is free."""
        return (
            self.trainer.done % CHECK == 0
            or self._is_over()
            or (self.world.size == 1 and (request.signal is not None or self._is_save_due()))
        )

    def _is_over(self) -> bool:
        """Whether this was the last step of a stage, or of a trial."""
        return self.trainer.done == self.trainer.phase.steps or self.trainer.step_number == self.end

    def _is_save_due(self) -> bool:
        return time.monotonic() - self.saved >= self.save_every

    def _check(self, batch: Sample, waited: float, request: StopRequest) -> bool:
        """Look at the device: not every step, because each look waits for it. Whether the training is to end."""
        trainer, clocks = self.trainer, self.clocks
        taken = trainer.step.meter.take(self.world.mean)
        self.sums.add(taken)
        now = time.monotonic()
        clocks.seconds += now - self.last
        clocks.line_seconds += now - self.last
        clocks.waited += waited - self.waited
        clocks.line_waited += waited - self.waited
        augmented = trainer.augmented
        clocks.line_augmented += augmented - self.augmented
        clocks.skipped += taken.bad
        self.last, self.waited, self.augmented = now, waited, augmented
        if taken.streak >= PATIENCE:
            self._give_up(taken, batch)
        over = self._is_over()
        if over or trainer.done % CHECK == 0:
            trainer.share_norms()
            if over or trainer.done % self.log_every == 0:
                self._line()
            self._tick()
            if over or self._is_look_due():
                with trainer.memory(trainer.phase):
                    self._look()
        stop = self.world.any(request.signal is not None)
        if stop or over or self.world.any(self._is_save_due()):
            self.save()
        return stop and trainer.step_number < self.total_steps

    def _give_up(self, taken: Sums, batch: Sample) -> None:
        """End a training that does not get anywhere, and leave the batch for whoever wants to know why."""
        rank = self.world.rank
        path = self.folder / (f"nonfinite-batch-{rank}.pt" if rank else "nonfinite-batch.pt")
        with replacing(path) as draft:
            torch.save({**batch._asdict(), "step": self.trainer.step_number}, draft)
        raise DivergedError(
            f"{taken.streak} steps in a row were not finite, up to step {self.trainer.step_number} in stage"
            f" {self.trainer.phase.title}. The last batch is in {path}. {CURES}"
        )

    def _line(self) -> None:
        """A line of the log: means since the last one."""
        trainer, clocks = self.trainer, self.clocks
        means = self.sums.means()
        facts: dict[str, Any] = {
            "stage": trainer.phase.title,
            "samples": trainer.samples_seen,
            "lr": trainer.phase.stage.lr * trainer.schedule.factor((trainer.done - 1) / trainer.phase.steps),
            **means,
            "samples_per_s": clocks.line_steps * trainer.phase.stage.batch / max(clocks.line_seconds, 1e-9),
            "waiting": clocks.line_waited / max(clocks.line_seconds, 1e-9),
            "augmentation": clocks.line_augmented / max(clocks.line_seconds, 1e-9),
            "skipped": clocks.skipped,
            "seconds": clocks.seconds,
        }
        if self.journal:
            self.journal.write("train", trainer.step_number, facts)
        rate = self.pace.add(clocks.line_steps * trainer.phase.stage.batch, clocks.line_seconds)
        terms = [f"{name} {value:.3f}" for name, value in means.items() if name != "loss"]
        self.label = (
            f"{trainer.phase.title}: loss {means['loss']:.3f} ({', '.join(terms)}),"
            f" {rate:.0f} samples/s, waiting {facts['waiting']:.0%}{self._augmentation(facts['augmentation'])}"
            f"{f', {clocks.skipped} steps skipped' if clocks.skipped else ''}"
        )
        self.sums = Sums(streak=self.sums.streak)
        clocks.line_seconds = clocks.line_waited = clocks.line_augmented = 0.0
        clocks.line_steps = 0

    def _augmentation(self, share: float) -> str:
        """What it takes of the time, for a line, where that is worth a word."""
        if share < WORTH_A_WORD:
            return ""
        return f", augmentation {share:.0%}{' in workers' if self.trainer.workers else ''}"

    def _tick(self) -> None:
        if not self.world.is_first:
            return
        seen, total = self._progress(lambda samples: samples)
        done, work = self._progress(lambda samples: pixels(self.trainer.phases, samples))
        seconds = self.clocks.seconds + (self.trial.spent if self.trial else 0.0)
        left = (work - done) * seconds / max(done, 1)
        tried = f"rate {self.trainer.rate:g}, " if self.trial else ""
        self.tick(f"train {tried}{self.label or self.trainer.phase.title}, {duration(left)} left", seen, total)

    def _progress(self, amount: Callable[[int], int]) -> tuple[int, int]:
        """What is done and what there is to do, over the trials of all rates; amount: of work in so many samples."""
        trial = amount(samples_at(self.trainer.phases, self.choice))
        left = max(0, len(self.recipe.rates or ()) - 1)  # trials beside that of the rate that goes on
        before = self.trial.number if self.trial else left
        return (
            before * trial + amount(self.trainer.samples_seen),
            left * trial + amount(self.trainer.total_samples),
        )

    def _is_look_due(self) -> bool:
        every = self.recipe.validate_every or max(1, self.trainer.total_samples // LOOKS)
        before = self.trainer.samples_seen - CHECK * self.trainer.phase.stage.batch
        return self.trainer.samples_seen // every > before // every

    def _look(self) -> None:
        """Held-out data: loss, metrics, a picture."""
        trainer = self.trainer
        if not len(self.held_out):
            return
        chosen = spread(len(self.held_out), self.recipe.validate_samples)
        values, picture = validate(trainer, self.held_out, chosen)
        trainer.schedule.observe(values["loss"])
        if self.journal:
            facts = {"stage": trainer.phase.title, "samples": trainer.samples_seen, **values}
            self.journal.write("validation", trainer.step_number, {**facts, "seconds": self.clocks.seconds})
            if picture is not None:
                (self.folder / PICTURES).mkdir(exist_ok=True)
                write_png(self.folder / PICTURES / f"step-{trainer.step_number:08d}.png", picture)
        self.last = time.monotonic()  # looking is not training

    def save(self) -> None:
        """A checkpoint of where the training is."""
        state = self.trainer.state_dict()
        others: list[Any] = [None] * self.world.size
        if self.world.size > 1:
            dist.all_gather_object(others, state["random"])
        if self.world.is_first:
            extra = {"random_of_others": others[1:], "clocks": vars(self.clocks), "sums": vars(self.sums)}
            checkpoint.save(self.folder / CHECKPOINTS, self.trainer.step_number, state | extra)
        self.world.barrier()
        self.last = self.saved = time.monotonic()

    def _take_up(self, state: dict[str, Any]) -> None:
        """Be where the run was when it saved this."""
        all_states = [state["random"], *state["random_of_others"]]
        self.trainer.load_state_dict(state | {"random": all_states[self.world.rank % len(all_states)]})
        self.clocks, self.sums = Elapsed(**state["clocks"]), Sums(**state["sums"])
        self.trainer.step.meter.go_on(self.sums.streak)
