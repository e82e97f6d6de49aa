"""Balances between tasks, each against numbers worked out by hand."""

import math

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.multiprocessing import start_processes

from registry import ZooError
from zoo.contract import Prediction, Sample
from zoo.losses import objective
from zoo.losses.balance import balances, build


def two(mask, depth):
    """Losses of both tasks that are plain numbers."""
    return {"mask": torch.tensor(float(mask)), "depth": torch.tensor(float(depth))}


def step(balance, mask, depth):
    return balance({task: loss.requires_grad_() for task, loss in two(mask, depth).items()})


def test_every_balance_multiplies_with_the_weights():
    for name in balances.names():
        balance = build(name, {"mask": 2.0, "depth": 0.5})
        assert balance(two(3, 4)).item() == pytest.approx(2 * 3 + 0.5 * 4), name


def test_every_balance_takes_one_task_alone():
    for name in balances.names():
        assert build(name, {"mask": 2.0, "depth": 0.5})({"depth": torch.tensor(4.0)}).item() == pytest.approx(2.0), name


def test_fixed_has_nothing_to_learn_or_remember():
    assert build("fixed", {"mask": 1.0}).state_dict() == {}


def test_uncertainty_by_hand():
    balance = build("uncertainty(initial=0.5)", {"mask": 2.0, "depth": 1.0})
    total = step(balance, 3, 4)
    assert total.item() == pytest.approx(2 * (math.exp(-0.5) * 3 + 0.5) + math.exp(-0.5) * 4 + 0.5)
    total.backward()
    assert balance.s["mask"].grad.item() == pytest.approx(2 * (1 - math.exp(-0.5) * 3))
    assert balance.s["depth"].grad.item() == pytest.approx(1 - math.exp(-0.5) * 4)


def test_uncertainty_settles_where_the_weight_is_one_over_the_loss():
    balance = build("uncertainty", {"mask": 1.0, "depth": 1.0})
    optimizer = torch.optim.SGD(balance.parameters(), lr=0.2)
    for _ in range(200):
        optimizer.zero_grad()
        balance(two(2, 0.1)).backward()
        optimizer.step()
    assert math.exp(-balance.s["mask"].item()) == pytest.approx(1 / 2, rel=1e-3)
    assert math.exp(-balance.s["depth"].item()) == pytest.approx(1 / 0.1, rel=1e-3)


def test_uncertainty_leaves_an_absent_task_alone():
    balance = build("uncertainty", {"mask": 1.0, "depth": 1.0})
    balance({"depth": torch.tensor(4.0)}).backward()
    assert balance.s["mask"].grad is None


def test_the_objective_holds_what_a_balance_learns():
    aim = objective(balance="uncertainty")
    assert sorted(name for name, _ in aim.named_parameters()) == ["balance.s.depth", "balance.s.mask"]


def shares(first, second, temperature):
    powers = [math.exp(ratio / temperature) for ratio in (first, second)]
    return [2 * power / sum(powers) for power in powers]


def test_dwa_by_a_history_worked_out_by_hand():
    balance = build("dwa(temperature=2, every=2)", {"mask": 1.0, "depth": 3.0})
    history = [(4, 2), (2, 2), (1, 2), (2, 1), (6, 1), (3, 2)]  # means per period: (3, 2), (1.5, 1.5), (4.5, 1.5)
    expected = [[1, 1]] * 4 + [shares(1.5 / 3, 1.5 / 2, 2)] * 2
    for (mask, depth), (mask_share, depth_share) in zip(history, expected, strict=True):
        assert step(balance, mask, depth).item() == pytest.approx(mask_share * mask + 3 * depth_share * depth)
    assert balance.shares.tolist() == pytest.approx(shares(3, 1, 2))


def test_dwa_sends_the_shares_into_the_gradient():
    balance = build("dwa(every=1)", {"mask": 1.0, "depth": 1.0})
    step(balance, 1, 1)
    step(balance, 1, 3)
    losses = {task: loss.requires_grad_() for task, loss in two(5, 5).items()}
    balance(losses).backward()  # the buffers change during forward; the graph keeps those it was made with
    assert [losses["mask"].grad.item(), losses["depth"].grad.item()] == pytest.approx(shares(1, 3, 2))


def test_dwa_goes_on_from_its_state():
    torch.manual_seed(0)
    numbers = torch.rand(40, 2).tolist()
    whole = build("dwa(every=3)", {"mask": 1.0, "depth": 1.0})
    totals = [step(whole, *pair).item() for pair in numbers]
    for cut in (1, 4, 19):
        before, after = (build("dwa(every=3)", {"mask": 1.0, "depth": 1.0}) for _ in range(2))
        for pair in numbers[:cut]:
            step(before, *pair)
        after.load_state_dict(before.state_dict())
        assert [step(after, *pair).item() for pair in numbers[cut:]] == totals[cut:]


def test_dwa_remembers_training_steps_with_finite_losses_only():
    balance = build("dwa(every=2)", {"mask": 1.0, "depth": 1.0})
    step(balance, 1, 1)
    state = {name: value.clone() for name, value in balance.state_dict().items()}
    step(balance, math.nan, 1)
    step(balance, 1, math.inf)
    balance({"depth": torch.tensor(7.0, requires_grad=True)})
    with torch.no_grad():
        step(balance, 7, 7)
    balance.eval()
    step(balance, 7, 7)
    assert all(torch.equal(value, state[name]) for name, value in balance.state_dict().items())
    assert int(balance.steps) == 1


def test_dwa_stays_finite_when_a_loss_reaches_zero():
    balance = build("dwa(every=1)", {"mask": 1.0, "depth": 1.0})
    for mask in (1, 0, 0, 1, 1e30):
        assert step(balance, mask, 1).isfinite()
    assert balance.shares.isfinite().all()
    assert balance.shares.sum().item() == pytest.approx(2)


def test_dwa_names_the_device_it_is_missing_from():
    balance = build("dwa", {"mask": 1.0, "depth": 1.0})
    with pytest.raises(ZooError, match=r"objective.to\('meta'\)"):
        balance({task: loss.to("meta") for task, loss in two(1, 1).items()})


def surgery(mask, depth, weights=(1.0, 1.0), scale=lambda loss: loss):
    """The gradient that PCGrad writes for two losses that are linear in two parameters, with these gradients."""
    parameter = nn.Parameter(torch.zeros(2))
    balance = build("pcgrad", dict(zip(("mask", "depth"), weights, strict=True)))
    losses = {"mask": parameter @ torch.tensor(mask), "depth": parameter @ torch.tensor(depth)}
    balance.backward(balance(losses), losses, [parameter], scale)
    return parameter.grad.tolist()


def test_pcgrad_by_hand_where_gradients_conflict():
    # g = (1, 0), h = (-1, 1): g.h = -1. g + h/2 = (1/2, 1/2); h + g = (0, 1)
    assert surgery([1.0, 0.0], [-1.0, 1.0]) == pytest.approx([0.5, 1.5])


def test_pcgrad_by_hand_with_weights():
    # g = (2, 0), h = (-1, 1): g + h = (1, 1); h + g/2 = (0, 1)
    assert surgery([1.0, 0.0], [-1.0, 1.0], weights=(2.0, 1.0)) == pytest.approx([1.0, 2.0])


def test_pcgrad_is_the_plain_sum_where_they_agree():
    assert surgery([1.0, 0.0], [1.0, 1.0]) == [2.0, 1.0]
    assert surgery([1.0, 0.0], [0.0, 1.0]) == [1.0, 1.0]
    assert surgery([0.0, 0.0], [-1.0, 1.0]) == [-1.0, 1.0]


def test_pcgrad_scales_as_the_scaler_asks():
    assert surgery([1.0, 0.0], [-1.0, 1.0], scale=lambda loss: 1024 * loss) == pytest.approx([512.0, 1536.0])


def test_pcgrad_leaves_heads_alone_and_adds_to_what_is_there():
    shared, head, other, frozen, unused = (nn.Parameter(torch.ones(2)) for _ in range(5))
    frozen.requires_grad_(False)
    shared.grad = torch.tensor([10.0, 10.0])
    losses = {
        "mask": shared @ torch.tensor([1.0, 0.0]) + 5 * head.sum() + frozen.sum(),
        "depth": shared @ torch.tensor([-1.0, 1.0]) - 7 * other.sum(),
    }
    balance = build("pcgrad", {"mask": 1.0, "depth": 1.0})
    balance.backward(balance(losses), losses, [shared, head, other, frozen, unused], lambda loss: loss)
    assert shared.grad.tolist() == pytest.approx([10.5, 11.5])
    assert head.grad.tolist() == [5, 5]
    assert other.grad.tolist() == [-7, -7]
    assert frozen.grad is None
    assert unused.grad is None


@pytest.mark.parametrize("optimizer", [torch.optim.AdamW, torch.optim.SGD])
def test_pcgrad_gives_gradients_laid_out_as_the_weights_are(optimizer):
    """Fused optimizers walk through memory: a gradient in another layout would meet other weights."""
    weights = []
    for layout in (torch.contiguous_format, torch.channels_last):
        torch.manual_seed(0)
        network = torch.nn.Conv2d(3, 5, 3).to(memory_format=layout)
        image = torch.rand(2, 3, 8, 8).contiguous(memory_format=layout)
        losses = {"mask": network(image).square().mean(), "depth": (network(image) - 1).abs().mean()}
        build("pcgrad", {"mask": 1.0, "depth": 1.0}).backward(
            sum(losses.values()), losses, network.parameters(), lambda loss: loss
        )
        assert network.weight.grad.stride() == network.weight.stride()
        optimizer(network.parameters(), lr=0.1, fused=True).step()
        weights.append(network.weight.detach().contiguous())
    torch.testing.assert_close(*weights)


def test_pcgrad_passes_over_a_task_whose_part_is_frozen():
    parameter = nn.Parameter(torch.ones(2))
    losses = {"mask": torch.tensor(3.0), "depth": parameter.sum()}
    balance = build("pcgrad", {"mask": 1.0, "depth": 1.0})
    balance.backward(balance(losses), losses, [parameter], lambda loss: loss)
    assert parameter.grad.tolist() == [1, 1]


class Shared(nn.Module):
    """One convolution for both tasks and a head for each, alike at the start: the tasks of `batch` pull them apart."""

    def __init__(self):
        super().__init__()
        self.trunk, self.mask, self.depth = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 1, 1), nn.Conv2d(4, 1, 1)
        self.depth.load_state_dict(self.mask.state_dict())

    def forward(self, image):
        features = self.trunk(image).relu()
        return Prediction(self.mask(features), self.depth(features))


def batch(b=4):
    generator = torch.Generator().manual_seed(1)
    bg, fg_bg = torch.rand(2, b, 3, 8, 8, generator=generator)
    mask, depth = torch.rand(2, b, 1, 8, 8, generator=generator)
    return Sample(bg, fg_bg, (mask > 0.2).float(), 0.2 * depth, torch.ones_like(mask), ({},) * b)


def gradients(name, part=slice(None)):
    """Gradients of network and objective after two steps, on part of a batch."""
    torch.manual_seed(0)
    net, aim, data = Shared(), objective(weights={"depth": 20}, balance=name), batch()
    data = Sample(*(tensor[part] for tensor in data[:5]), data.meta[part])
    for _ in range(2):
        losses = aim(net(data.fg_bg), data)
        aim.backward(losses, list(net.parameters()))
    return [p.grad for p in (*net.parameters(), *aim.parameters())], aim.state_dict()


@pytest.mark.parametrize("name", ["fixed", "uncertainty", "dwa(every=1)"])
def test_backward_is_the_totals_own(name):
    torch.manual_seed(0)
    net, aim = Shared(), objective(balance=name)
    assert not aim.balance.own_backward
    losses = aim(net(batch().fg_bg), batch())
    expected = torch.autograd.grad(losses.total, list(net.parameters()), retain_graph=True)
    aim.backward(losses, list(net.parameters()), scale=lambda loss: 2 * loss)
    for parameter, gradient in zip(net.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, 2 * gradient)


@pytest.mark.parametrize("sign", [1, -1])
def test_pcgrad_on_a_network_with_a_conflict_and_without(sign):
    torch.manual_seed(0)
    net, aim = Shared(), objective(balance="pcgrad")
    assert aim.balance.own_backward
    losses = aim(net(batch().fg_bg), batch())
    losses.tasks["depth"] = sign * losses.tasks["depth"]
    trunk = list(net.trunk.parameters())
    parts = [torch.autograd.grad(loss, trunk, retain_graph=True) for loss in losses.tasks.values()]
    g, h = (torch.cat([part.flatten() for part in task]) for task in parts)
    dot = g @ h
    assert (dot < 0) == (sign == 1)
    if dot < 0:
        g, h = g - dot / (h @ h) * h, h - dot / (g @ g) * g
    aim.backward(losses, net.parameters())
    torch.testing.assert_close(torch.cat([parameter.grad.flatten() for parameter in trunk]), g + h)


def _rank(rank, file, out):
    dist.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=2)
    part = slice(2 * rank, 2 * rank + 2)
    result = {name: gradients(name, part) for name in ("pcgrad", "uncertainty", "dwa(every=1)")}
    torch.save(result, f"{out}/{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_agree_with_one(tmp_path):
    start_processes(_rank, (tmp_path / "meeting", tmp_path), nprocs=2, start_method="forkserver")
    ranks = [torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1)]
    for rank in ranks:  # PCGrad averages each task's gradient before the surgery
        for found, expected in zip(rank["pcgrad"][0], gradients("pcgrad")[0], strict=True):
            torch.testing.assert_close(found, expected)
        learned = zip(rank["uncertainty"][0][-2:], gradients("uncertainty")[0][-2:], strict=True)
        assert all(torch.allclose(found, expected) for found, expected in learned)
        for name, expected in gradients("dwa(every=1)")[1].items():
            torch.testing.assert_close(rank["dwa(every=1)"][1][name], expected)


def test_a_balance_is_text():
    with pytest.raises(ZooError, match="balance=3 is not accepted; balance takes text"):
        objective(balance=3)
