# %% [markdown]
# # 1. A network of your own
#
# Five chapters take a network from its training to the folder that a board is made from. Each is a notebook
# that was run when this page was made; what is printed below a cell is what it printed. Each reads what the
# one before left in `out/tutorial`, and all together run for about a minute.
#
# The network here is written as one writes it with brainstate: nothing in it knows that it will become
# integers. It looks at digits of 8 x 8 pixels.

# %%
from pathlib import Path

import brainstate
import braintools
import numpy as np
import saiunit as u

import expifref

data = expifref.load_dataset("digits")
print(data.train.values.shape, data.train.values.dtype, "labels", np.unique(data.train.labels))

# %% [markdown]
# Pixels become spikes by a rate: a pixel of 255 spikes in every step, one of 0 never. `expifref.encode`
# draws the same spikes for the same seed anywhere, so that a device can be given what the training saw.

# %%
STEPS, DT = 10, 1.0 * u.ms
frames = expifref.encode("rate", data.train.values, steps=STEPS, seed=0)
print("steps, samples, inputs:", frames.shape)

# %% [markdown]
# ## The module
#
# A matrix, neurons, a matrix, a leaky sum. What the neurons are given are currents, here in mA; with 40 ohm
# the matrix that brainstate draws brings their membranes near the threshold, so that there are spikes to
# learn from.


# %%
class Net(brainstate.nn.Module):
    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.into = brainstate.nn.Linear(64, hidden)
        self.hidden = expifref.ExpIFRef(hidden, R=40.0 * u.ohm, tau_ref=1.0 * u.ms)
        self.out = brainstate.nn.Linear(hidden, 10)
        self.sum = expifref.LeakyReadout(10, tau=10.0 * u.ms)

    def update(self, x):
        return self.sum(self.out(self.hidden(self.into(x) * u.mA)))


brainstate.random.seed(0)
net = Net(48)

# %% [markdown]
# ## Training
#
# Through time, with the surrogate gradients that `ExpIFRef` brings along, on minibatches of 64. The score
# of a class is the sum of its output over the steps. This is brainstate's own way of training; `expifref
# train` does the same from the command line, with held-out samples, a progress bar and checkpoints.

# %%
weights = net.states(brainstate.ParamState)
optimizer = braintools.optim.Adam(lr=1e-2)
optimizer.register_trainable_weights(weights)


def scores(frames):
    brainstate.nn.init_all_states(net, batch_size=frames.shape[1])
    return brainstate.transform.for_loop(net, frames.astype(np.float32)).sum(axis=0)


@brainstate.transform.jit
def learn(frames, labels):
    def loss():
        return braintools.metric.softmax_cross_entropy_with_integer_labels(scores(frames), labels).mean()

    with brainstate.environ.context(dt=DT):
        gradients, value = brainstate.transform.grad(loss, weights, return_value=True)()
    optimizer.update(gradients)
    return value


@brainstate.transform.jit
def predict(frames):
    with brainstate.environ.context(dt=DT):
        return scores(frames).argmax(axis=-1)


order = np.random.default_rng(0)
for epoch in range(6):
    batches = order.permutation(len(data.train.labels))[: 22 * 64].reshape(22, 64)
    losses = [float(learn(frames[:, batch], data.train.labels[batch])) for batch in batches]
    print(f"epoch {epoch + 1}: loss {np.mean(losses):.3f}")

# %%
tests = expifref.encode("rate", data.test.values, steps=STEPS, seed=1)
right = float((np.asarray(predict(tests)) == data.test.labels).mean())
print(f"right on {len(data.test.labels)} test digits: {right:.1%}")

# %% [markdown]
# ## Read
#
# `expifref.describe` follows one step of the module's own `update`, keeps what it understands, refuses what
# it does not by its path, and then runs what it read beside the module before it returns. So from here on
# there is no doubt which network it is.

# %%
network = expifref.describe(net, dt=DT, encoder="rate", steps=STEPS)
for layer in network.layers:
    print(layer.name, [(feed.source, feed.weight.shape) for feed in layer.feeds], "from", layer.path)

work = Path("out/tutorial")
work.mkdir(parents=True, exist_ok=True)
expifref.save_description(work / "model.safetensors", network)

# %% [markdown]
# Had the module asked for something that no integer datapath does, it would have been told so here:


# %%
class Shunted(Net):
    def update(self, x):
        shunt = self.hidden.V.value / u.mV  # a current that depends on the membrane
        return self.sum(self.out(self.hidden((self.into(x) - 0.1 * shunt) * u.mA)))


try:
    expifref.describe(Shunted(48), dt=DT, steps=STEPS)
except expifref.ExpifrefError as error:
    print(error)

# %% [markdown]
# What can be read, and how, is told in [networks of your own](../networks.md).
