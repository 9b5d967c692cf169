import io

import imageio.v2 as imageio
import numpy as np
import pytest
import torch
from PIL import Image

from facegan import images
from facegan.errors import ConfigError, DiskFullError
from facegan.images import gif_bytes, make_grid, png_bytes, save_animation, save_images, split_grid


def test_uint8_survives_the_round_trip_exactly():
    levels = torch.arange(256, dtype=torch.uint8)
    floats = images.to_float(levels)
    assert floats[0] == -1
    assert floats[255] == 1
    assert torch.equal(images.to_uint8(floats), levels)


def test_conversion_leaves_its_input_alone_and_clips():
    source = torch.tensor([-3.0, 0.0, 3.0])
    assert images.to_uint8(source).tolist() == [0, 128, 255]
    assert source.tolist() == [-3.0, 0.0, 3.0]


def test_floats_are_not_taken_for_uint8():
    with pytest.raises(ConfigError, match="uint8"):
        images.to_float(torch.zeros(3))


def test_unit_range_is_the_inverse_of_signed():
    signed = torch.tensor([-1.0, 0.0, 1.0])
    assert images.signed_to_unit(signed).tolist() == [0, 0.5, 1]
    assert torch.equal(images.unit_to_signed(images.signed_to_unit(signed)), signed)


def test_grid_places_images_row_by_row():
    faces = torch.arange(6, dtype=torch.uint8)[:, None, None, None].expand(6, 3, 4, 4) * 10
    grid = images.make_grid(faces, columns=3)
    assert grid.shape == (3, 2 * 6 + 2, 3 * 6 + 2)
    assert [grid[0, 3, 3], grid[0, 3, 9], grid[0, 9, 3]] == [0, 10, 30]
    assert grid[0, 0, 0] == 255


@pytest.mark.parametrize("shape", [(0, 3, 4, 4), (3, 4, 4), (2, 1, 4, 4)])
def test_grid_refuses_what_is_no_batch_of_images(shape):
    with pytest.raises(ConfigError, match=r"\(N, 3, H, W\)"):
        images.make_grid(torch.zeros(shape))


def test_points_are_drawn_with_y_upward_and_without_those_that_are_not_finite():
    points = torch.tensor([[-1.0, 1.0], [1.0, 0.0], [torch.nan, 0.0], [9.0, 0.0]])
    dark = (images.draw_points(points, size=100) == 0).all(0)
    assert dark.sum() == 18
    assert dark[24:27, 24:27].all()
    assert dark[49:52, 74:77].all()


def test_png_is_lossless(tmp_path):
    faces = torch.randint(0, 256, (1, 3, 8, 8), dtype=torch.uint8)
    path = images.save_images(faces, tmp_path / "new" / "face.png", columns=1)
    assert torch.equal(images.read_png(path), faces[0])


@pytest.fixture
def frames():
    """Five grey levels at 33 x 35 pixels, odd on purpose."""
    return [torch.full((3, 33, 35), level, dtype=torch.uint8) for level in (0, 60, 120, 180, 240)]


def test_gif_plays_its_frames_for_ever(frames, tmp_path):
    path = images.save_animation(frames, tmp_path / "walk.gif", fps=5)
    gif = Image.open(path)
    assert (gif.n_frames, gif.info["loop"], gif.info["duration"]) == (5, 0, 200)
    for index, level in enumerate((0, 60, 120, 180, 240)):
        gif.seek(index)
        assert abs(int(np.asarray(gif.convert("RGB")).mean()) - level) < 2


def test_mp4_plays_its_frames_at_even_size(frames, tmp_path):
    path = images.save_animation(frames, tmp_path / "walk.mp4")
    video = np.stack(imageio.mimread(path))
    assert video.shape == (5, 34, 36, 3)
    levels = video[:, 5:25, 5:25].mean((1, 2, 3))
    np.testing.assert_allclose(levels, (0, 60, 120, 180, 240), atol=8)


def test_an_mp4_shows_more_frames_a_second_than_a_gif(frames, tmp_path):
    images.save_animation(frames, tmp_path / "walk.mp4", fps=100)
    assert imageio.get_reader(tmp_path / "walk.mp4").get_meta_data()["fps"] == 100


def test_animation_errors_say_what_to_do(frames, tmp_path):
    with pytest.raises(ConfigError, match=r"'walk\.avi'; name it \.gif or \.mp4"):
        images.save_animation(frames, tmp_path / "walk.avi")
    with pytest.raises(ConfigError, match="one shape"):
        images.gif_bytes([frames[0], frames[1][:, :8]])
    with pytest.raises(ConfigError, match="none"):
        images.gif_bytes([])


def test_a_gif_of_faces_stays_small():
    smooth = torch.nn.functional.interpolate(torch.rand(30, 3, 4, 4), size=256, mode="bicubic")
    frames = list(images.to_uint8(smooth * 2 - 1))
    assert len(images.gif_bytes(frames)) < 600_000
    assert Image.open(io.BytesIO(images.gif_bytes(frames[:1]))).n_frames == 1


@pytest.mark.parametrize("count", [1, 6, 64])
def test_split_grid_is_the_inverse_of_make_grid(count):
    pictures = torch.randint(0, 256, (count, 3, 16, 16), dtype=torch.uint8)
    assert torch.equal(split_grid(make_grid(pictures), 16)[:count], pictures)


def test_split_grid_refuses_a_picture_that_is_no_grid():
    with pytest.raises(ConfigError, match="not a grid of images of 16 px"):
        split_grid(torch.zeros(3, 40, 40, dtype=torch.uint8), 16)


@pytest.mark.parametrize(
    ("ending", "kind"), [(".jpg", "JPEG"), (".JPEG", "JPEG"), (".webp", "WEBP"), (".PNG", "PNG"), ("", "PNG")]
)
def test_images_are_written_in_the_format_of_the_ending(tmp_path, ending, kind):
    path = save_images(torch.zeros(4, 3, 16, 16), tmp_path / f"grid{ending}")
    with Image.open(path) as image:
        assert image.format == kind


@pytest.mark.parametrize("ending", [".gif", ".bmp", ".v2"])
def test_other_endings_are_refused_and_nothing_is_written(tmp_path, ending):
    with pytest.raises(ConfigError, match=r"name it \.png, \.jpg or \.webp"):
        save_images(torch.zeros(4, 3, 16, 16), tmp_path / f"grid{ending}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("fps", [15, 24, 30, 40])
def test_a_gif_takes_as_long_as_its_frames(fps):
    frames = [torch.full((3, 8, 8), value, dtype=torch.uint8) for value in range(0, 240, 4)]
    with Image.open(io.BytesIO(gif_bytes(frames, fps=fps))) as image:
        durations = []
        for index in range(image.n_frames):
            image.seek(index)
            durations.append(image.info["duration"])
    assert abs(sum(durations) / 1000 - 60 / fps) < 0.02


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    save_images(torch.zeros(1, 3, 8, 8), "~/a.png")
    assert (tmp_path / "a.png").exists()


def test_a_full_disk_keeps_the_older_picture(tmp_path, mount):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", at=disk)
    path = save_images(torch.zeros(1, 3, 8, 8), disk / "a.png")
    before = path.read_bytes()
    with pytest.raises(DiskFullError):
        save_images(torch.rand(16, 3, 64, 64) * 2 - 1, path)
    assert path.read_bytes() == before


class OnGpu(torch.Tensor):
    """Refuses what a GPU's tensor refuses."""

    def numpy(self, *_, **__):
        raise TypeError("can't convert a device's tensor to numpy")

    def cpu(self, *_, **__):
        return self.as_subclass(torch.Tensor)


def test_frames_on_a_gpu_are_written():
    frames = [torch.zeros(3, 8, 8, dtype=torch.uint8).as_subclass(OnGpu)] * 2
    assert gif_bytes(frames)
    assert png_bytes(frames[0])


@pytest.mark.parametrize("tool", ["/nowhere/ffmpeg", "/bin/false"])
def test_without_an_encoder_an_mp4_says_what_to_do(tmp_path, monkeypatch, tool):
    import imageio_ffmpeg

    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", tool)
    imageio_ffmpeg._utils._get_ffmpeg_exe.cache_clear()
    frames = [torch.full((3, 8, 8), value, dtype=torch.uint8) for value in (0, 90)]
    with pytest.raises(ConfigError, match=r"Name the file \.gif"):
        save_animation(frames, tmp_path / "walk.mp4")
    imageio_ffmpeg._utils._get_ffmpeg_exe.cache_clear()


@pytest.mark.parametrize("fps", [0, -5, 60])
def test_what_no_gif_can_show_is_refused(fps):
    with pytest.raises(ConfigError, match="at most 50"):
        gif_bytes([torch.zeros(3, 8, 8, dtype=torch.uint8)], fps=fps)


def test_a_read_only_array_is_shown_without_a_warning(recwarn):
    images = np.frombuffer(bytes(3 * 8 * 8 * 2), np.uint8).reshape(2, 3, 8, 8)
    make_grid(images)
    assert not recwarn.list


def test_gif_frames_share_out_the_hundredths_of_a_second_evenly():
    frames = [torch.full((3, 8, 8), value, dtype=torch.uint8) for value in (0, 100, 200)]
    with Image.open(io.BytesIO(gif_bytes(frames, fps=3))) as animation:
        shown = [(animation.seek(i), animation.info["duration"])[1] for i in range(animation.n_frames)]
    assert shown == [330, 340, 330]
