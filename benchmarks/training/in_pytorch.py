"""Measure the paper's network in PyTorch, as a child process of `benchmarks.training`."""

import json
import sys
from collections.abc import Callable
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.shared.children import answer
from benchmarks.shared.measures import timed, timed_for

LAYOUTS = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}
DECODERS = {"Conv2d": nn.Conv2d, "ConvTranspose2d": nn.ConvTranspose2d}
TRIALS = 3
WIDTH, DEPTH = 64, 5  # of the paper


class EncoderDecoder(nn.Module):
    """The network of arXiv 2302.03786, source image (batch, 1, height, width) → field."""

    def __init__(self, width: int, depth: int, decoder: type[nn.Module]) -> None:
        super().__init__()
        down = [1, *(width * 2**k for k in range(depth + 1))]
        up = [down[-1], *reversed(down[1:-1]), width // 2, 1]
        self.encoder = nn.ModuleList(nn.Conv2d(i, o, 3, padding=1) for i, o in pairwise(down))
        self.norm = nn.BatchNorm2d(width, eps=1e-5, momentum=0.1)
        self.decoder = nn.ModuleList(decoder(i, o, 3, padding=1) for i, o in pairwise(up))
        self.activation = nn.LeakyReLU(0.02)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        for k, convolution in enumerate(self.encoder):
            if k > 0:
                features = functional.avg_pool2d(features, 2)
            features = convolution(features)
            if k == 0:
                features = self.norm(features)
            features = self.activation(features)
        for k, convolution in enumerate(self.decoder):
            if k > 1:
                features = functional.interpolate(features, scale_factor=2, mode="nearest")
            features = self.activation(convolution(features))
        return features

    @torch.no_grad()
    def take(self, weights: list[np.ndarray]) -> None:
        """Copy the weights of the Keras model, in the same order."""
        arrays = iter(weights)
        for k, convolution in enumerate([*self.encoder, *self.decoder]):
            kernel = torch.from_numpy(next(arrays))  # rows, columns, inputs, outputs
            if isinstance(convolution, nn.ConvTranspose2d):
                convolution.weight.copy_(kernel.flip(0, 1).permute(2, 3, 0, 1))
            else:
                convolution.weight.copy_(kernel.permute(3, 2, 0, 1))
            convolution.bias.copy_(torch.from_numpy(next(arrays)))
            if k == 0:
                norm = self.norm
                for own in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
                    own.copy_(torch.from_numpy(next(arrays)))


class Rates:
    """Steps in each form in which PyTorch may be fastest. The fastest form counts."""

    def __init__(self, case: dict) -> None:
        torch.set_num_threads(case["threads"])
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        with np.load(Path(case["directory"]) / "shared.npz") as shared:
            weights = [shared[f"weight_{k}"] for k in range(shared["weights"])]
            image, field = shared["image"], shared["field"]
            self.x, self.y, self.expected = image, field, shared["prediction"]
        self.difference = 0.0
        self.steps: dict[str, Callable[[], object]] = {}
        self.forms: dict[str, str] = {}
        best = dict.fromkeys(("training", "training, fused Adam", "inference"), np.inf)
        for (layout, memory), (name, decoder) in product(LAYOUTS.items(), DECODERS.items()):
            network = EncoderDecoder(WIDTH, DEPTH, decoder)
            network.take(weights)
            network = network.to(self.device, memory_format=memory)
            steps = self.steps_of(network, memory, case["learning_rate"])
            for what, step in steps.items():
                step()
                seconds = min(timed(step, 1)["seconds"] for _ in range(TRIALS))
                if seconds < best[what]:
                    best[what] = seconds
                    self.steps[what], self.forms[what] = step, f"{layout}, {name}"

    def steps_of(
        self, network: EncoderDecoder, memory: torch.memory_format, rate: float
    ) -> dict[str, Callable[[], object]]:
        x, y = (
            torch.from_numpy(a).permute(0, 3, 1, 2).to(self.device).contiguous(memory_format=memory)
            for a in (self.x, self.y)
        )

        def inference() -> np.ndarray:
            network.eval()
            with torch.inference_mode():
                return network(x).cpu().numpy()

        def training(optimizer: torch.optim.Optimizer) -> float:
            network.train()
            optimizer.zero_grad()
            loss = (network(x) - y).abs().mean()
            loss.backward()
            optimizer.step()
            return loss.item()

        found = inference().transpose(0, 2, 3, 1)
        scale = np.abs(self.expected).max()
        self.difference = max(self.difference, float(np.abs(found - self.expected).max() / scale))
        usual = torch.optim.Adam(network.parameters(), rate)
        fused = torch.optim.Adam(network.parameters(), rate, fused=True)
        return {
            "inference": inference,
            "training": lambda: training(usual),
            "training, fused Adam": lambda: training(fused),
        }

    def about(self) -> dict:
        return {"difference": self.difference, "forms": self.forms}

    def measure(self, what: str, seconds: float) -> dict:
        return timed_for(self.steps[what], seconds)


if __name__ == "__main__":
    rates = Rates(json.loads(sys.argv[1]))
    answer({"about": rates.about, "measure": rates.measure})
