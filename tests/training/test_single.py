"""One move of the game at a time: D's half of a step, G's half, what both see; and exactly back."""

from itertools import chain, repeat

import pytest
import torch
from helpers import assert_same_state, flatten, interrupt_in_backward, make_gan, random_faces, same, weights
from torch import nn

import facegan as fg
from facegan import plane, train_step
from facegan.errors import ConfigError, DataError
from facegan.images import to_float
from facegan.models import protocol
from facegan.training import game as games
from facegan.training.fit import next_images
from facegan.training.game import Game, state_of
from facegan.training.single import look, step_discriminator, step_generator

FACES = random_faces(40)
GAMES = [
    {},
    {"loss": "wasserstein", "gradient_penalty": 10.0, "n_critic": 2, "norm": "none"},
    {"r1": 1.0, "r1_every": 3, "norm": "none", "ema_decay": 0.9},
    {"augment": "color,translation", "augment_target": 0.1, "label_flip": 0.3, "norm": "spectral"},
    {"optimizer_d": "sgd", "instance_noise": 0.2, "output": "sigmoid", "lr_decay": 0.5},
    {"precision": "bf16", "norm": "instance"},
]


def players(gan):
    return {name: weights(getattr(gan, name)) for name in ("discriminator", "generator", "ema")}


def changed(gan, before):
    return {name for name, now in players(gan).items() if not same(now, before[name])}


def parts(tree, *names):
    return torch.cat(
        [t.flatten().double() for n in names for m in tree[n]["state"].values() for t in m.values()]
    )


@pytest.mark.parametrize("changes", GAMES, ids=str)
def test_d_s_step_changes_d_only(changes):
    gan = make_gan(**changes)
    train_step(gan, torch.rand(16, 3, 16, 16))
    before, state = players(gan), state_of(gan)
    metrics = step_discriminator(gan, torch.rand(16, 3, 16, 16))
    assert changed(gan, before) == {"discriminator"}
    now = gan.state_dict()
    assert torch.equal(parts(now, "optimizer_g"), parts(state, "optimizer_g"))
    assert not torch.equal(parts(now, "optimizer_d"), parts(state, "optimizer_d"))
    assert now["step"] == state["step"]
    assert len(gan.history["step"]) == 1
    assert torch.equal(now["augmentation"], state["augmentation"])
    assert set(metrics) == {"loss_d", "d_real", "d_fake", "grad_norm_d"}
    assert all(m.ndim == 0 and not m.requires_grad and m.isfinite() for m in metrics.values())


@pytest.mark.parametrize("changes", GAMES, ids=str)
def test_g_s_step_changes_g_and_its_average_only(changes):
    gan = make_gan(**changes)
    train_step(gan, torch.rand(16, 3, 16, 16))
    before, state = players(gan), state_of(gan)
    metrics = step_generator(gan)
    assert changed(gan, before) == {"generator", "ema"}
    now = gan.state_dict()
    assert torch.equal(parts(now, "optimizer_d"), parts(state, "optimizer_d"))
    assert not torch.equal(parts(now, "optimizer_g"), parts(state, "optimizer_g"))
    assert now["step"] == state["step"] + 1
    assert len(gan.history["step"]) == 1
    assert set(metrics) == {"loss_g", "d_fake_after", "grad_norm_g"}


def test_d_s_half_has_the_numbers_of_a_whole_step(real):
    alone, whole = make_gan(), make_gan()
    expected = train_step(whole, real)
    assert all(torch.equal(v, expected[name]) for name, v in step_discriminator(alone, real).items())
    for ours, theirs in zip(alone.discriminator.parameters(), whole.discriminator.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_g_s_half_descends_its_loss_on_new_fakes_through_todays_d():
    gan, other = make_gan(norm="none"), make_gan(norm="none")
    for each in (gan, other):  # gradients of an earlier step do not count
        train_step(each, torch.ones(8, 3, 16, 16))
    other.zero_grad()
    loss = torch.nn.functional.softplus(
        -other.discriminator(other.generator(other.draw_noise(8).z[0]))
    ).mean()
    loss.backward()
    metrics = step_generator(gan)
    norm = torch.cat([p.grad.flatten() for p in other.generator.parameters()]).norm()
    torch.testing.assert_close(metrics["loss_g"], loss.detach())
    torch.testing.assert_close(metrics["grad_norm_g"], norm)


@pytest.mark.parametrize("changes", GAMES, ids=str)
def test_steps_of_both_are_those_of_training(changes):
    gan, other = make_gan(**changes), make_gan(**changes)
    game = Game(gan, FACES)
    game.go_to(("both", "ten"))
    other.data = FACES.record()
    batches = FACES.batches(8, generator=other.rng)
    stream = chain.from_iterable(repeat(batches))
    for _ in range(11):
        train_step(other, next_images(stream, other.config.n_critic))
    other.remaining, other.epoch = batches.remaining, batches.epoch
    assert_same_state(gan, other)


def test_steps_of_both_are_those_of_fit():
    gan, other = make_gan(), make_gan()
    Game(gan, FACES).go_to(("both",) * 6)
    fg.fit(other, FACES, steps=6)
    assert_same_state(gan, other)


@pytest.mark.parametrize("changes", GAMES, ids=str)
@pytest.mark.slow
def test_undo_is_exact_after_any_moves(changes):
    game = Game(make_gan(**changes), FACES)
    states, moves = [state_of(game.gan)], ("D", "G", "both", "D", "D", "ten", "G")
    for count in range(1, len(moves) + 1):
        game.go_to(moves[:count])
        states.append(state_of(game.gan))
    for count in (6, 5, 3, 0):
        game.go_to(moves[:count])
        same_as(game.gan, states[count])
    game.go_to(moves)
    same_as(game.gan, states[-1], clock=False)


def same_as(gan, state, *, clock=True):
    """The GAN's state is this one, bit for bit; without `clock`, but for the images per second."""
    now, then = flatten(gan.state_dict()), flatten(state)
    assert now.keys() == then.keys()
    for name, value in now.items():
        if clock or not name.endswith("images_per_second"):
            assert (
                torch.equal(value, then[name]) if isinstance(value, torch.Tensor) else value == then[name]
            ), name


def test_a_finished_training_goes_on_at_the_configs_rates_and_undo_takes_them_back():
    gan = make_gan(lr_decay=0.5)
    fg.fit(gan, FACES, steps=4)
    rate = gan.optimizer_g.param_groups[0]["lr"]
    assert rate < gan.config.lr_g
    game = Game(gan, FACES)
    game.go_to(("both",))
    assert gan.optimizer_g.param_groups[0]["lr"] == gan.config.lr_g
    game.go_to(())
    assert gan.optimizer_g.param_groups[0]["lr"] == rate


def test_a_move_that_fails_is_taken_back(monkeypatch):
    game = Game(make_gan(), FACES)
    game.go_to(("both",))
    state = state_of(game.gan)
    interrupt_in_backward(monkeypatch, 2)
    with pytest.raises(KeyboardInterrupt):
        game.go_to(("both", "both"))
    monkeypatch.undo()
    assert game.moves == ("both",)
    same_as(game.gan, state)
    game.go_to(("both", "both"))


def test_what_was_trained_elsewhere_is_not_undone():
    game = Game(make_gan(), FACES)
    game.go_to(("both", "both"))
    train_step(game.gan, torch.rand(8, 3, 16, 16))
    assert game.first == 2
    with pytest.raises(ConfigError, match="trained elsewhere"):
        game.go_to(("both",))
    game.go_to(("both", "both", "D"))
    assert game.first == 2
    game.go_to(("both", "both"))
    assert game.gan.step == 3


@pytest.mark.parametrize("moves", ["D", ["D"], ("D", "d"), (3,), None])
def test_moves_that_do_not_exist_are_refused_before_any_is_played(moves):
    game = Game(make_gan(), FACES)
    state = state_of(game.gan)
    with pytest.raises(ConfigError, match=r"expected a tuple|no move .*choose from"):
        game.go_to(moves)
    assert game.moves == ()
    same_as(game.gan, state)


def test_old_states_are_dropped_when_they_take_too_much_memory(monkeypatch):
    game = Game(make_gan(), FACES)
    monkeypatch.setattr(games, "MAX_SAVED", 1)
    game.go_to(("D", "G", "both"))
    assert game.first == 2
    with game.before_last() as there:
        assert there
    game.go_to(("D", "G"))
    with game.before_last() as there:
        assert not there


@pytest.mark.parametrize("changes", GAMES, ids=str)
def test_looking_changes_nothing(changes):
    game = Game(make_gan(**changes), FACES)
    game.go_to(("both",))
    state, numbers = state_of(game.gan), torch.get_rng_state()
    with game.before_last():
        game.look(6, seed=1)
    game.look(6, seed=1)
    same_as(game.gan, state)
    assert torch.equal(torch.get_rng_state(), numbers)


def test_looking_at_what_was_before_leaves_the_history_in_place():
    game = Game(make_gan(), FACES)
    game.go_to(("both", "both"))
    history, before = game.gan.history, game.look(6, seed=0)
    with game.before_last() as there:
        assert there
        assert not torch.equal(game.look(6, seed=0).fakes, before.fakes)
    assert game.gan.history is history
    with pytest.raises(RuntimeError), game.before_last():
        raise RuntimeError
    assert torch.equal(game.look(6, seed=0).fakes, before.fakes)


def test_two_looks_drop_the_same_units(real):
    discriminator = nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(3 * 16 * 16, 1))
    gan = make_gan()
    gan = fg.GAN(gan.config, discriminator=discriminator, device="cpu")
    z = protocol.latents_for(gan.generator, 8, seed=0)
    first = look(gan, real, z)
    torch.rand(3)
    again = look(gan, real, z)
    assert torch.equal(first.fake_logits, again.fake_logits)
    assert torch.equal(first.pull, again.pull)


def test_a_look_finds_gradients_also_where_they_are_off(real):
    gan = make_gan()
    with torch.no_grad():
        assert look(gan, real, protocol.latents_for(gan.generator, 8, seed=0)).pull.any()


def test_a_look_is_at_faces_from_all_of_the_data():
    game = Game(make_gan(norm="none"), FACES)
    ends = torch.stack([to_float(torch.as_tensor(FACES[[i]]))[0] for i in (0, 39)])
    wanted = game.gan.discriminator(ends).detach().flatten()
    torch.testing.assert_close(game.look(5, seed=0).real_logits[[0, -1]], wanted)


@pytest.mark.parametrize(
    "part", [lambda gan, real: step_discriminator(gan, real), lambda gan, _: step_generator(gan)]
)
def test_a_half_that_fails_leaves_the_mark_of_a_half_updated_gan(monkeypatch, part, real):
    gan = make_gan()
    part(gan, real)
    assert not gan.engine.in_step
    interrupt_in_backward(monkeypatch, 1)
    with pytest.raises(KeyboardInterrupt):
        part(gan, real)
    assert gan.engine.in_step


def test_a_look_takes_a_gan(real):
    with pytest.raises(ConfigError, match="first argument is a Generator, expected a GAN: look"):
        look(make_gan().generator, real, torch.zeros(8, 100))


def test_a_look_has_d_s_logits_losses_and_gradients(real):
    gan = make_gan(norm="none", label_smoothing=0.1)
    z = protocol.latents_for(gan.generator, 8, seed=0)
    seen = look(gan, real, z)
    fake = gan.generator(z).detach().requires_grad_()
    logits = gan.discriminator(fake)
    (pull,) = torch.autograd.grad(logits.sum(), fake)
    torch.testing.assert_close(seen.fakes, fake.detach())
    torch.testing.assert_close(seen.fake_logits, logits.detach().flatten())
    torch.testing.assert_close(seen.real_logits, gan.discriminator(real).detach().flatten())
    torch.testing.assert_close(seen.pull, pull)
    images = gan.generator(z)
    loss_d = gan.loss.discriminator(gan.discriminator(real), gan.discriminator(images), smoothing=0.1)
    loss_g = gan.loss.generator(gan.discriminator(images))
    for player, loss in (("d", loss_d), ("g", loss_g)):
        network = gan.discriminator if player == "d" else gan.generator
        gradients = torch.autograd.grad(loss, list(network.parameters()), retain_graph=True)
        norm = torch.cat([g.flatten() for g in gradients]).norm()
        assert getattr(seen, f"loss_{player}") == pytest.approx(loss.item(), rel=1e-4)
        assert getattr(seen, f"grad_norm_{player}") == pytest.approx(norm.item(), rel=1e-3)
    with torch.no_grad():
        brighter = gan.discriminator(fake + 1e-3 * pull.sign()).flatten()
        assert (brighter > gan.discriminator(fake).flatten()).all()


def test_a_look_follows_the_range_of_a_sigmoid_generator(real):
    gan = make_gan(output="sigmoid", norm="none")
    z = protocol.latents_for(gan.generator, 8, seed=0)
    seen = look(gan, real, z)
    torch.testing.assert_close(seen.fakes, gan.generator(z).detach() * 2 - 1)
    torch.testing.assert_close(seen.real_logits, gan.discriminator((real + 1) / 2).detach().flatten())


@pytest.mark.parametrize(
    ("gan", "faces", "error", "message"),
    [
        (FACES, FACES, ConfigError, "first argument is a FaceDataset, expected a GAN"),
        (plane.gan(), FACES, ConfigError, r"makes samples \(2,\), expected images"),
        (make_gan(), random_faces(40, 32), DataError, "the faces are 32 px, the networks 16 px"),
        (make_gan(), random_faces(4), DataError, "a batch of 8 cannot be drawn from the 4 faces"),
        (make_gan(), "faces", DataError, "expected an array"),
    ],
)
def test_what_cannot_be_played_is_refused(gan, faces, error, message):
    with pytest.raises(error, match=message):
        Game(gan, faces)


def test_other_faces_begin_a_new_epoch(capsys):
    gan = make_gan()
    fg.fit(gan, FACES, steps=2)
    Game(gan, random_faces(20)).go_to(("both",))
    assert "a new epoch begins" in capsys.readouterr().out
    assert len(gan.remaining) == 12
