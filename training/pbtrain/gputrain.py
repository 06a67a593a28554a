"""The training loop on a GPU: what pbtrain.train does with --device cuda."""
from __future__ import annotations

import math
import sys
import time

import numpy as np
import torch
from torch import Tensor

from .resident import GraphGradients, ResidentData
from .trainlog import Log

LOOK = 50  # steps between looks at the clock's bar and at the errors, each of which waits for the device


@torch.no_grad()
def clip(parameters: list[Tensor], most: float) -> None:
    """Scales gradients to a norm of at most `most`; does not wait for the device. Where the norm is no number they become
    zero, and the step is that of the momentum alone."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    scale = torch.where(torch.isfinite(norm), (most / (norm + 1e-6)).clamp(max=1.0), torch.zeros_like(norm))
    torch._foreach_mul_(gradients, scale)
    for gradient in gradients:
        gradient.nan_to_num_(0.0, 0.0, 0.0)


class ResidentLoop:
    """Steps of a `Trainer` (train.py) over frames that stay on its device."""

    def __init__(self, trainer):
        args = trainer.args
        self.trainer = trainer
        molecules = [trainer.train.molecules[name] for name in sorted(trainer.train.molecules)]
        self.data = ResidentData(molecules, trainer.model.elements, trainer.reference, trainer.model.arch.cutoff, args.device)
        self.shape = self.data.shape(args.molecules_per_batch * args.frames_per_molecule, args.frames_per_molecule)
        self.gradients = GraphGradients(trainer.model, trainer.loss)
        order = args.device.split(":")[0], len(self.data), *self.shape
        if trainer.order not in (None, order):  # the checkpoint's place is one in another order of frames
            trainer.epoch, trainer.position = trainer.epoch + 1, 0
        trainer.order = order
        print(f"{len(self.data)} frames on {args.device}; batches of at most {self.shape[0]} atoms, {self.shape[1]} edges",
              flush=True)

    def batches(self):
        """Endless: (place in the epoch after this batch, numbers of its frames)."""
        trainer = self.trainer
        epoch, position = trainer.epoch, trainer.position
        while True:
            rng = np.random.default_rng((trainer.args.seed, epoch))
            for k, frames in enumerate(self.data.epoch(self.shape, trainer.args.frames_per_molecule, rng)):
                if k >= position:
                    yield (epoch, k + 1), frames
            epoch, position = epoch + 1, 0

    def run(self) -> None:
        """Train until the budget is used up."""
        trainer, args = self.trainer, self.trainer.args
        log, bar = Log(args.run, resume=args.resume), trainer.bar()
        parameters = list(trainer.model.parameters())
        clock = time.time()
        stop = False
        for (trainer.epoch, trainer.position), frames in self.batches():
            self.gradients(self.data.batch(frames, self.shape))
            now = time.time()
            trainer.elapsed, clock = trainer.elapsed + (now - clock), now
            trainer.frames += len(frames)
            progress = trainer.spent() / trainer.budget
            last = progress >= 1
            clip(parameters, args.clip)
            trainer.take_step(progress)
            trainer.step += 1
            if trainer.step % LOOK == 0 or last:
                found = self.gradients.take()
                if not math.isfinite(found[0]):
                    sys.exit("the loss is no number any more: begin again with a smaller --lr")
                log.add(*found)
                bar.update(round(trainer.spent()) - bar.n)
                bar.set_postfix(frames_s=f"{log.rate(trainer.frames, trainer.elapsed):.0f}", force=f"{found[1]:.2f}",
                                energy=f"{found[2]:.2f}", epoch=trainer.epoch, refresh=False)
                if trainer.testing.due(last):
                    stop = trainer.is_over(log, progress)
            if stop:
                trainer.take_best()
                last = True
            trainer.write_files(last)
            if last:
                break
        bar.close()
        log.plot()
