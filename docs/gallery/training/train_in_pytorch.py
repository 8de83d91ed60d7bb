"""
A network in PyTorch
====================

`diffkeras_benchmark.load` gives sources and exact fields as arrays. We train a small network on 400
of them. PyTorch isn't installed where the documentation is built: ``make test-frameworks`` runs
this page.

.. image:: /images/train_in_pytorch.webp
"""

# sphinx_gallery_thumbnail_path = "images/train_in_pytorch.webp"
import tempfile

import matplotlib.pyplot as plt
import torch
from torch import nn

import diffkeras as dk
import diffkeras_benchmark

# %%
# To be quick, we take the split `validation`, in which source counts take turns. Train on `train`.
torch.manual_seed(0)
torch.set_num_threads(1)  # layers are small
with tempfile.TemporaryDirectory() as folder:
    split = diffkeras_benchmark.load("fixed_values_64", "validation", data_dir=folder)
images = torch.from_numpy(split.inputs).movedim(-1, 1)  # PyTorch wants channels first
fields = torch.from_numpy(split.fields).movedim(-1, 1)

# %%
# The network and its training.
layers = [nn.PixelUnshuffle(4)]  # 4² nodes become 16 channels, so kernels reach far
for channels in (16, 24, 24, 24, 24):
    layers += [nn.Conv2d(channels, 24, 3, padding=1), nn.ReLU()]
network = nn.Sequential(*layers, nn.Conv2d(24, 16, 3, padding=1), nn.PixelShuffle(4))
optimizer = torch.optim.Adam(network.parameters())
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=400)
for _ in range(10):  # epochs
    for batch in torch.randperm(400).split(10):
        optimizer.zero_grad()
        (network(images[batch]) - fields[batch]).abs().mean().backward()
        optimizer.step()
        schedule.step()

# %%
# `dk.certify` proves how wrong the network is for another image, without the exact field.
with torch.no_grad():
    predicted = torch.where(images > 0, images, network(images))[-1, 0].numpy()  # sources hold
exact, bound = split.fields[-1, ..., 0], dk.certify(predicted, split.problem(499)).node_bound
error = abs(predicted - exact)
print(f"up to {error.max():.4f} wrong, proven at most {bound.max():.4f}")
assert (error <= bound + split.bounds[-1]).all()
panels = {"exact": exact, "predicted": predicted, "true error": error, "proven bound": bound}
figure = plt.figure(figsize=(5.25, 4.6), layout="constrained")
for place, (name, values) in enumerate(panels.items(), 1):
    axes = figure.add_subplot(2, 2, place, title=name)
    figure.colorbar(axes.imshow(values))
plt.show()
