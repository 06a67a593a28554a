"""Train a ViSNet on E_QM - E_MM (or another --target), within a wall-clock budget, on all cores.

    PYTHONPATH=training:build/python /usr/bin/python3 -m pbtrain.train training/data/wide training/runs/first \\
        --minutes 90 [--resume] [--export models/visnet-gfn2/visnet-gfn2.safetensors]

Gradients come from PluginBridge's core, with threads (--engine core, the default), or from PyTorch, with
one process per core that average through gloo (--engine torch): see gradients.py.  The learning rate
follows the used share of the budget (kept across --resume): of --minutes, so that a run ends on time however
busy the machine is, or of --visits, to compare runs at equal numbers of frames seen.  Shards that appear
while it runs are used from the next epoch on (not on a GPU, which reads them once).  --patience ends a run
early, with the best weights it had.
"""
from __future__ import annotations

import argparse
import copy
import json
import math
import os
import socket
import sys
import time
from dataclasses import asdict
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
import torch.distributed as distributed

from .dataset import BASES, DataSet, epoch_chunks, fit_reference, make_batch
from .edge_ops import enable_kernels
from .gputrain import ResidentLoop
from .gradients import CoreGradients, Loss, TorchGradients, errors, predict
from .modelfile import file_hash, load_model, save_model
from .muon import make_optimizers
from .relaunch import relaunch
from .teacher import Teacher
from .trainlog import Log
from .trainoptions import CHECKPOINT, make_folders, parse
from .visnet import Architecture, ViSNet

ELEMENTS = [1, 6, 7, 8, 16]
# kcal/mol: about as the forces of a target spread
ENERGY_SCALE = {"E_QM - E_MM": 4.0, "E_QM - E_nb": 4.0, "E_QM": 9.0, "E_QM - E_GFN2": 2.0}
EMA_DECAY = 0.999
# glibc gives freed arrays back to the system after every step otherwise: half of the time
MALLOC = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(16 << 30), "MALLOC_TOP_PAD_": str(64 << 20)}
CPU_FLAGS = Path("/proc/cpuinfo")


def learning_rate(progress: float, peak: float) -> float:
    """Linear warm-up over 1.5 % of the budget, then cosine decay to 0.5 % of the peak."""
    if progress < 0.015:
        return peak * max(progress / 0.015, 0.02)
    return peak * (0.005 + 0.995 * 0.5 * (1 + math.cos(math.pi * min(1.0, (progress - 0.015) / 0.985))))


class Patience:
    """Early stopping: ends a run once `tests` tests in a row have not been better than the best one; 0: never."""

    def __init__(self, tests: int):
        self.tests, self.since, self.best = tests, 0, math.inf
        self.weights: dict | None = None  # of the best test

    def ended(self, error: float, model: ViSNet) -> bool:
        """Takes a test's error; true if that was the last one."""
        if self.tests and error < self.best:
            self.best, self.since, self.weights = error, 0, copy.deepcopy(model.state_dict())
        else:
            self.since += 1
        return 0 < self.tests <= self.since and self.weights is not None


class Every:
    """Is it time again? Every so many seconds, from now on."""

    def __init__(self, seconds: float):
        self.seconds, self.since = seconds, time.time()

    def due(self, last: bool) -> bool:
        """True if they have passed since it was due last, and at the end."""
        if not last and time.time() - self.since <= self.seconds:
            return False
        self.since = time.time()
        return True


class Trainer:
    """State of one training process; ranks hold equal weights, and rank 0 writes the files."""

    def __init__(self, args: argparse.Namespace, rank: int):
        self.args, self.rank = args, rank
        self.init_hash = file_hash(args.init) if args.init else ""  # now: --export may replace the file
        self.teacher = Teacher(args.teacher, 1 if self.world > 1 else args.processes) if args.teacher else None
        self.train = DataSet(args.data, "train", args.target, selection=args.selection, teacher=self.teacher)
        self.test = DataSet(args.data, "test", args.target, teacher=self.teacher)
        shards = [self.train.shards()]
        if self.world > 1:
            distributed.broadcast_object_list(shards, 0)
        self.train.add_new(shards[0])
        self.test.add_new(shards[0])
        if args.patience and not self.test.molecules:
            print("--patience: nothing is held out in these folders, so the run will use its whole budget", file=sys.stderr)
        if not self.train.molecules:
            sys.exit(f"no training frames in {', '.join(map(str, args.data))}; run pbtrain.generate first")
        torch.manual_seed(args.seed)
        self.model, reference = self.first_model()
        self.ema = copy.deepcopy(self.model)
        self.set_reference(reference)
        self.optimizers = make_optimizers(self.model, args.optimizer, args.lr, args.others_rate, args.decay)
        self.step = self.epoch = self.position = self.frames = 0
        self.elapsed = 0.0
        self.order: tuple | None = None  # of an epoch on a GPU: device, frames, shape of batches
        self.patience = Patience(args.patience)
        self.testing, self.saving, self.exporting = Every(args.test_every), Every(120), Every(args.export_every * 60)
        self.loss = Loss(args.force_huber, args.energy_weight, args.absolute_weight)
        if args.engine == "core":
            self.gradients = CoreGradients(self.model, self.loss, args.processes)
        else:
            self.gradients = TorchGradients(self.model, self.loss)
        if args.resume:
            self.load()

    def set_reference(self, reference: tuple[dict[int, float], float]) -> None:
        """Reference energies of the labels, and of the networks that are exported."""
        self.reference = reference
        for model in (self.model, self.ema):
            model.set_reference(*reference)

    def first_model(self) -> tuple[ViSNet, tuple[dict[int, float], float]]:
        """Network and reference energies to begin with: new ones, or those of --init."""
        args = self.args
        reference = fit_reference(list(self.train.molecules.values()), ELEMENTS)
        if args.init is None:
            arch = Architecture(args.channels, args.layers, args.heads, args.rbf, cutoff=args.cutoff,
                                envelope_exponent=args.envelope_exponent, vector_norm=args.vector_norm)
            return ViSNet(ELEMENTS, arch, ENERGY_SCALE[args.target]).to(args.device), reference
        model, header = load_model(args.init)
        if model.elements != ELEMENTS:
            sys.exit(f"--init {args.init}: the network knows the elements {model.elements}, training needs {ELEMENTS}")
        if header["target"] == args.target:
            if header["reference_method"] == self.train.method:
                old = header["reference_energies"]
                reference = {int(z): float(e) for z, e in old["elements"].items()}, float(old["charge"])
        else:  # another quantity: the features are kept, and what they say about the energy starts from zero
            last = model.readout[-1].update[-1]
            torch.nn.init.zeros_(last.weight)
            torch.nn.init.zeros_(last.bias)
            model.energy_scale = ENERGY_SCALE[args.target]
        return model.to(args.device), reference

    @property
    def gpu(self) -> bool:
        """Whether PyTorch works on a GPU, with the loop of gputrain.py."""
        return self.args.device != "cpu"

    @property
    def world(self) -> int:
        """Processes that average their gradients; the core has threads instead, and a GPU needs no second one."""
        return self.args.processes if self.args.engine == "torch" and not self.gpu else 1

    @property
    def checkpoint(self) -> Path:
        return self.args.run / CHECKPOINT

    def learnt(self) -> dict:
        """By option: what decides what is learnt."""
        return {"--target": self.args.target, "--teacher": self.teacher.hash if self.teacher else None, "--seed": self.args.seed,
                **{f"--{name.replace('_', '-')}": value for name, value in asdict(self.loss).items()}}

    def save(self) -> None:
        """Checkpoint: everything that decides the next step."""
        state = {"model": self.model.state_dict(), "ema": self.ema.state_dict(),
                 "optimizers": [o.state_dict() for o in self.optimizers], "reference": self.reference, "init": self.init_hash,
                 "learnt": self.learnt(), "direction": getattr(self.gradients, "direction", None), "patience": vars(self.patience),
                 **{k: getattr(self, k) for k in ("step", "epoch", "position", "frames", "elapsed", "order")}}
        temporary = self.checkpoint.with_suffix(".tmp")
        torch.save(state, temporary)
        os.replace(temporary, self.checkpoint)

    def load(self) -> None:
        state = torch.load(self.checkpoint, map_location="cpu", weights_only=False)
        for option, value in self.learnt().items():
            before = state.get("learnt", {}).get(option, value)  # older checkpoints do not say
            if before != value:
                sys.exit(f"{self.checkpoint} was trained with {option} {before!r}, not {value!r}: give the options of the run's "
                         "start, or start a run in another folder")
        if len(state.get("optimizers", [])) != len(self.optimizers):
            sys.exit(f"{self.checkpoint} was not written with --optimizer {self.args.optimizer}: give the one it was, "
                     "or start a run in another folder")
        try:
            self.model.load_state_dict(state["model"])
        except RuntimeError as error:
            sys.exit(f"{self.checkpoint} is of a network of another shape: give the options of the run's start ({error})")
        self.ema.load_state_dict(state["ema"])
        for optimizer, values in zip(self.optimizers, state["optimizers"]):
            scales = [group["scale"] for group in optimizer.param_groups]
            optimizer.load_state_dict(values)
            for group, scale in zip(optimizer.param_groups, scales):
                group["scale"] = scale
        if state["direction"] is not None:
            self.gradients.direction = state["direction"]
        vars(self.patience).update(state["patience"] | {"tests": self.args.patience})
        self.init_hash = state.get("init", self.init_hash)  # of the run's start: the file may be another one since
        self.set_reference(state["reference"])  # the fresh ones know shards that have come since
        for k in ("step", "epoch", "position", "frames", "elapsed"):
            setattr(self, k, state[k])
        if self.gpu != (state.get("order") is not None):  # places of the two loops mean different things
            self.epoch, self.position = self.epoch + 1, 0
        self.order = state.get("order")

    def chunks(self):
        """Endless: place in the epoch after this step, molecules, and this rank's part of them; the same epoch order on
        every rank."""
        world, epoch, position = self.world, self.epoch, self.position
        while True:
            shards = [None]  # every rank must use the same shards: rank 0 decides
            if self.rank == 0:
                self.train.add_new()
                shards = [sorted(self.train.seen)]
            if world > 1:
                distributed.broadcast_object_list(shards, 0)
            self.train.add_new(shards[0])
            molecules = [self.train.molecules[name] for name in sorted(self.train.molecules)]
            rng = np.random.default_rng((self.args.seed, epoch))
            chunks = epoch_chunks(molecules, self.args.frames_per_molecule, rng)
            per_step = self.args.molecules_per_batch * world
            while position + per_step <= len(chunks):
                first = position + self.rank * self.args.molecules_per_batch
                position += per_step
                mine = chunks[first:first + self.args.molecules_per_batch]
                yield (epoch, position), molecules, mine
            if len(chunks) < per_step:
                sys.exit(f"{len(chunks)} groups of frames are too few for batches of {per_step}")
            epoch, position = epoch + 1, 0

    def batches(self):
        """Endless batches of this rank."""
        for (self.epoch, self.position), molecules, mine in self.chunks():
            yield make_batch(molecules, mine, ELEMENTS, self.reference)

    def average(self, extra: list[float]) -> list[float]:
        """Average gradients (and some numbers) over the ranks; returns the averaged numbers."""
        if self.world == 1:
            return extra
        parameters = [p for p in self.model.parameters() if p.grad is not None]
        flat = torch.cat([p.grad.flatten() for p in parameters] + [torch.tensor(extra)])
        distributed.all_reduce(flat)
        flat /= self.world
        at = 0
        for p in parameters:
            p.grad.copy_(flat[at:at + p.numel()].view_as(p))
            at += p.numel()
        return flat[at:].tolist()

    def run(self) -> None:
        """Train until the budget is used up."""
        args = self.args
        clock = time.time()
        norm, stop = float("nan"), False
        if self.rank == 0:
            log, bar = Log(args.run, resume=args.resume), self.bar()
        for batch in self.batches():
            loss, force_mae, energy_mae = self.gradients(batch)
            now = time.time()
            mine = self.elapsed + (now - clock)
            elapsed, loss, force_mae, energy_mae, frames, stopped = self.average(
                [mine, loss, force_mae, energy_mae, float(len(batch.energy)), float(stop)])
            progress = self.spent(elapsed) / self.budget
            last = progress >= 1 or stopped > 0
            norm = float(torch.nn.utils.clip_grad_norm_(self.model.parameters(), args.clip))
            if math.isfinite(norm):
                self.take_step(progress)
            self.step += 1
            self.frames += round(frames * self.world)
            self.elapsed, clock = elapsed, now
            if self.rank == 0:
                bar.update(round(self.spent()) - bar.n)
                bar.set_postfix(frames_s=f"{log.rate(self.frames, elapsed):.0f}", force=f"{force_mae:.2f}",
                                energy=f"{energy_mae:.2f}", epoch=self.epoch, grad=f"{norm:.1f}", refresh=False)
                log.add(loss, force_mae, energy_mae)
                if self.testing.due(last):
                    self.test.add_new()
                    stop = self.is_over(log, progress)  # the other ranks hear of it with the next averages
                if stopped:
                    self.take_best()
                self.write_files(last)
            if last:
                break
        if self.rank == 0:
            bar.close()
            log.plot()

    @property
    def budget(self) -> float:
        """Of the run: frames to visit, or seconds."""
        return self.args.visits or self.args.minutes * 60.0

    def bar(self):
        """A progress bar over the budget."""
        from tqdm import tqdm
        return tqdm(total=round(self.budget), initial=round(self.spent()), unit="frames" if self.args.visits else "s",
                    mininterval=10, file=sys.stdout)

    def take_step(self, progress: float) -> None:
        """One step of the optimisers along the gradients at a share of the budget, and of the averaged weights."""
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(progress, self.args.lr) * group["scale"]
            optimizer.step()
        decay = min(EMA_DECAY, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            slow, fast = list(self.ema.parameters()), list(self.model.parameters())
            torch._foreach_mul_(slow, decay)
            torch._foreach_add_(slow, fast, alpha=1 - decay)

    def is_over(self, log: Log, progress: float) -> bool:
        """Test the averaged weights, log it; whether that was the last test that --patience allows."""
        found = self.evaluate()
        log.write(self.elapsed, self.step, self.epoch, self.frames, learning_rate(progress, self.args.lr), found)
        return self.patience.ended(found[0], self.ema)

    def take_best(self) -> None:
        """End with the weights of the best test."""
        print(f"\nno better test error in {self.args.patience} tests: ended with the weights of the best", flush=True)
        self.ema.load_state_dict(self.patience.weights)

    def write_files(self, last: bool) -> None:
        """Checkpoint and model file, where it is time for them."""
        if self.saving.due(last):
            self.save()
        if self.args.export and self.exporting.due(last):
            self.export()

    def spent(self, elapsed: float | None = None) -> float:
        """How much of the budget is used: frames visited, or seconds."""
        return self.frames if self.args.visits else self.elapsed if elapsed is None else elapsed

    def evaluate(self, frames: int = 96) -> tuple[float, float]:
        """Force and relative energy MAE of the averaged weights on some held-out frames."""
        rng = np.random.default_rng(0)
        molecules = list(self.test.molecules.values())
        if not molecules:
            return float("nan"), float("nan")
        force, energy = [], []
        for k in rng.choice(len(molecules), max(1, frames // 6)):
            batch = make_batch(molecules, [(k, np.arange(min(6, len(molecules[k]))))], ELEMENTS, self.reference)
            batch = batch.to(self.ema.embedding.weight.device)
            e, f = predict(self.ema, batch, training=False)
            found = errors(e.detach(), f, batch)
            force.append(found[0])
            energy.append(found[1])
        return float(np.mean(force)), float(np.mean(energy))

    def export(self) -> None:
        """Write the averaged weights as a model file."""
        kinds: dict[str, int] = {}
        for m in self.train.molecules.values():
            kinds[m.kind] = kinds.get(m.kind, 0) + len(m)
        provenance = {
            "command": self.args.command, "seed": self.args.seed, "steps": self.step, "frame_visits": self.frames,
            "minutes": round(self.elapsed / 60, 1),
            **({"budget_visits": self.args.visits} if self.args.visits else {"budget_minutes": self.args.minutes}),
            "training_frames": kinds, "training_molecules": len(self.train.molecules),
            "dropped_outliers": self.train.outliers, "generation_counts": self.train.counts,
            **({"teacher": self.teacher.hash} if self.teacher else {}),
            **({"init": self.init_hash} if self.init_hash else {}),
            "loss": asdict(self.loss), "engine": self.args.engine, "device": self.args.device,
            "processes": self.args.processes, "optimizer": self.args.optimizer, "rate": self.args.lr,
            "others_rate": self.args.others_rate, "decay": self.args.decay,
            "torch": torch.__version__,
        }
        base = {"mm": "amber-ff14sb", "nb": "amber-ff14sb", "gfn2": "GFN2-xTB", None: None}[BASES[self.args.target]]
        save_model(self.args.export, self.ema, self.args.name, provenance, self.args.target, base, self.train.method)
        print(f"\nexported {self.args.export} {file_hash(self.args.export)}", flush=True)


def train_rank(rank: int, args: argparse.Namespace, port: int) -> None:
    """One training process."""
    torch.set_num_threads(1)
    if args.device != "cpu":
        if not torch.cuda.is_available():
            sys.exit(f"--device {args.device}: PyTorch sees no GPU here")
        torch.cuda.set_device(torch.device(args.device).index or 0)
    enable_kernels(cuda=args.device != "cpu")
    if args.processes > 1 and args.engine == "torch" and args.device == "cpu":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        distributed.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank,
                                       world_size=args.processes)
    try:
        trainer = Trainer(args, rank)
    except ValueError as error:  # data, teacher and network that do not go together
        sys.exit(f"pbtrain.train: {error}")
    if rank == 0:  # only now: a resume that is refused leaves those of the run
        (args.run / "settings.json").write_text(json.dumps(vars(args), indent=2, default=lambda x: str(x)))
    (ResidentLoop(trainer) if trainer.gpu else trainer).run()
    if distributed.is_initialized():
        distributed.barrier()  # a rank that ends while another still talks to it aborts both
        distributed.destroy_process_group()


def environment() -> dict[str, str]:
    """Variables that glibc and OpenBLAS read at start only."""
    # Debian 12's OpenBLAS takes processors newer than itself for Haswells: half the speed of AVX-512
    known = "OPENBLAS_CORETYPE" in os.environ or not CPU_FLAGS.is_file() or " avx512f " not in CPU_FLAGS.read_text()
    return MALLOC | ({} if known else {"OPENBLAS_CORETYPE": "SKYLAKEX"})


def main() -> None:
    relaunch("pbtrain.train", environment())
    args = parse(description=__doc__)
    make_folders(args)
    if args.processes == 1 or args.engine == "core" or args.device != "cpu":
        train_rank(0, args, 0)
        return
    enable_kernels()  # build once, before the processes start
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    torch.multiprocessing.spawn(train_rank, args=(args, port), nprocs=args.processes)


if __name__ == "__main__":
    main()
