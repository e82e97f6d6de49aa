"""The running average of weights: by hand, over buffers and counts, and from a checkpoint."""

import pytest
import torch
from torch import nn

import zoo
from zoo.training.ema import Average


def scalar(value):
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, value)
    return layer


def test_the_first_updates_by_hand():
    model = scalar(1.0)
    average = Average(model, 0.5)
    nn.init.constant_(model.weight, 3.0)
    average.update()  # decay min(0.5, 2 / 11)
    first = 1 + (1 - 2 / 11) * 2
    assert average.model.weight.item() == pytest.approx(first)
    average.update()  # decay min(0.5, 3 / 12)
    second = first + 0.75 * (3 - first)
    assert average.model.weight.item() == pytest.approx(second)


def test_later_the_decay_is_the_one_asked_for():
    model = scalar(0.0)
    average = Average(model, 0.5)
    average.updates = 100
    nn.init.constant_(model.weight, 1.0)
    average.update()
    assert average.model.weight.item() == pytest.approx(0.5)


def test_the_network_is_left_alone():
    model = zoo.build("unet(width=4)").train()
    average = Average(model, 0.9)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    average.update()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training
    assert not average.model.training
    assert not any(parameter.requires_grad for parameter in average.model.parameters())
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_running_statistics_are_averaged_and_counts_copied():
    model = nn.BatchNorm1d(2)
    average = Average(model, 0.5)
    average.updates = 100
    model.train()(torch.tensor([[0.0, 4.0], [2.0, 8.0]]))  # means 1 and 6, momentum 0.1
    average.update()
    torch.testing.assert_close(average.model.running_mean, torch.tensor([0.05, 0.3]))
    assert average.model.num_batches_tracked == 1


def test_buffers_that_a_network_makes_anew_are_followed():
    class Counter(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("seen", torch.zeros(1))
            self.register_buffer("steps", torch.zeros(1, dtype=torch.int64))

        def forward(self, x):
            self.seen, self.steps = self.seen + 1, self.steps + 1
            return x

    model = Counter()
    average = Average(model, 0.5)
    average.updates = 100
    for _ in range(2):
        model(torch.zeros(1))
        average.update()
    assert average.model.seen.item() == pytest.approx(1.25)  # half way to 1, then half way to 2
    assert average.model.steps.item() == 2


def test_weights_that_two_layers_share_are_moved_once():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = scalar(0.0)
            self.b = self.a

    model = Tied()
    average = Average(model, 0.5)
    average.updates = 100
    nn.init.constant_(model.a.weight, 1.0)
    average.update()
    assert average.model.a.weight.item() == pytest.approx(0.5)
    assert average.model.a is average.model.b


def test_it_goes_on_from_a_checkpoint():
    def trained(model, average, steps):
        for value in steps:
            nn.init.constant_(model.weight, value)
            average.update()

    whole_model, whole = (model := scalar(0.0)), Average(model, 0.9)
    trained(whole_model, whole, range(1, 9))
    model = scalar(0.0)
    first = Average(model, 0.9)
    trained(model, first, range(1, 5))
    later = scalar(99.0)
    second = Average(later, 0.9)
    later.load_state_dict(model.state_dict())
    second.model.load_state_dict(first.model.state_dict())
    second.updates = first.updates
    trained(later, second, range(5, 9))
    assert torch.equal(second.model.weight, whole.model.weight)


def test_it_follows_the_network_that_was_loaded_into():
    model = scalar(0.0)
    average = Average(model, 0.5)
    average.updates = 100
    model.load_state_dict(scalar(2.0).state_dict())  # in place: the average must not hold on to what was there
    average.update()
    assert average.model.weight.item() == pytest.approx(1.0)
