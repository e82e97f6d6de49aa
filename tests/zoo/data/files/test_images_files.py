"""Reading image files: every colour mode has its right values or is refused by name; damage never passes."""

import io
import struct
import zlib
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from zoo.data import DataError
from zoo.data.files import images

decode_rgb, decode_mask, decode_depth = (partial(images.decode, which) for which in ("bg", "mask", "depth"))
UPRIGHT = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) * 14  # h 2, w 3


def saved(image: Image.Image, file_format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def noise(h: int, w: int, c: int = 3, seed: int = 0) -> np.ndarray:
    array = np.random.default_rng(seed).integers(0, 256, (h, w, c), np.uint8)
    return array[..., 0] if c == 1 else array


def test_rgb_is_channels_first_and_unchanged() -> None:
    assert np.array_equal(decode_rgb(saved(Image.fromarray(UPRIGHT)), "a.png").permute(1, 2, 0), UPRIGHT)


@pytest.mark.parametrize("decode", [decode_rgb, decode_mask, decode_depth])
@pytest.mark.parametrize(
    ("mode", "file_format"), [("1", "PNG"), ("L", "PNG"), ("LA", "PNG"), ("P", "PNG"), ("RGB", "PNG"), ("RGBA", "PNG"),
                              ("CMYK", "TIFF"), ("I;16", "PNG"), ("I", "TIFF"), ("F", "TIFF"), ("L", "GIF"),
                              ("RGB", "BMP"), ("RGB", "TIFF"), ("L", "PPM")],
)  # fmt: skip
def test_black_and_white_is_so_in_every_mode(mode: str, file_format: str, decode) -> None:
    white = {"I;16": 65535, "I": 65535, "F": 1.0}.get(mode, 255)
    if mode in ("I;16", "I", "F"):
        kind = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
        image = Image.fromarray(np.array([[0, white, white], [0, 0, white]], kind))
    else:
        grey = Image.fromarray(np.array([[0, white, white], [0, 0, white]], np.uint8))
        image = (grey.convert("RGB") if mode in ("CMYK", "RGBA") else grey).convert(mode)
    assert image.mode == mode
    decoded = decode(saved(image, file_format), "a").float()
    decoded = decoded / 255 if decode is decode_rgb else decoded
    expected = torch.tensor([[0.0, 1.0, 1.0], [0.0, 0.0, 1.0]])
    assert decoded.shape == ((3, 2, 3) if decode is decode_rgb else (1, 2, 3))
    assert all(torch.equal(plane, expected) for plane in decoded)


@given(st.lists(st.integers(0, 65535), min_size=4, max_size=4))
@settings(max_examples=30, deadline=None)
def test_depth_of_16_bits_keeps_them(values: list[int]) -> None:
    data = saved(Image.fromarray(np.array(values, np.uint16).reshape(2, 2)))
    depth = decode_depth(data, "d.png")
    assert torch.equal(depth.flatten().double().mul(65535).round().long(), torch.tensor(values))


@given(st.lists(st.integers(0, 255), min_size=4, max_size=4), st.sampled_from(["L", "RGB", "LA", "RGBA", "P"]))
@settings(max_examples=40, deadline=None)
def test_depth_of_8_bits_is_a_255th_in_every_mode(values: list[int], mode: str) -> None:
    image = Image.fromarray(np.array(values, np.uint8).reshape(2, 2))
    depth = decode_depth(saved((image.convert("RGB") if mode == "RGBA" else image).convert(mode)), "d.png")
    assert torch.equal(depth.flatten(), torch.tensor(values, dtype=torch.float32) / 255)


def test_a_palette_gives_its_colours() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)
    assert decode_rgb(saved(image), "p.png").permute(1, 2, 0).tolist() == [[[10, 20, 30], [200, 100, 50]]]


def test_cmyk_jpeg_is_not_inverted() -> None:
    data = saved(Image.new("RGB", (16, 16), (250, 10, 10)).convert("CMYK"), "JPEG", quality=95)
    red, green, blue = decode_rgb(data, "c.jpg").float().mean((1, 2)).tolist()
    assert red > 200
    assert max(green, blue) < 60


def test_the_mask_is_alpha_where_anything_is_see_through_else_grey() -> None:
    rgba = np.zeros((1, 3, 4), np.uint8)
    rgba[0, :, :3] = [[255, 0, 0], [0, 0, 255], [9, 9, 9]]
    rgba[0, :, 3] = [255, 51, 0]
    assert decode_mask(saved(Image.fromarray(rgba)), "m.png").flatten().tolist() == pytest.approx([1, 0.2, 0])
    rgba[0] = [[255] * 4, [51, 51, 51, 255], [0, 0, 0, 255]]
    assert decode_mask(saved(Image.fromarray(rgba)), "m.png").flatten().tolist() == pytest.approx([1, 0.2, 0])


def test_a_lossless_mask_of_0_and_1_holds_labels() -> None:
    labels = np.array([[0, 1, 1]], np.uint8)
    assert decode_mask(saved(Image.fromarray(labels)), "m.png").tolist() == [[[0, 1, 1]]]
    assert decode_mask(saved(Image.fromarray(labels * 2)), "m.png").max() == pytest.approx(2 / 255)
    assert decode_mask(saved(Image.fromarray(np.array([[0, 1]], np.uint16))), "m.png").max() < 0.01


def test_a_photo_with_see_through_pixels_is_refused_an_opaque_one_is_read() -> None:
    rgba = noise(4, 4, 4)
    rgba[..., 3] = 255
    assert np.array_equal(decode_rgb(saved(Image.fromarray(rgba)), "a").permute(1, 2, 0), rgba[..., :3])
    rgba[0, 0, 3] = 254
    for decode in (decode_rgb, decode_depth):
        with pytest.raises(DataError, match=r"^x/a\.png: .*transparent"):
            decode(saved(Image.fromarray(rgba)), "x/a.png")
    assert np.array_equal(images.decode_rgba(saved(Image.fromarray(rgba)), "a").permute(1, 2, 0), rgba)


def test_a_cut_out_without_alpha_is_opaque() -> None:
    cut = images.decode_rgba(saved(Image.fromarray(UPRIGHT)), "a.png")
    assert cut.shape == (4, 2, 3)
    assert cut[3].eq(255).all()


def test_see_through_16_bits_are_never_clipped() -> None:
    image = Image.fromarray(np.array([[0, 30000, 7]], np.uint16))
    assert images.decode_rgba(saved(image), "a.png")[:, 0, 1].tolist() == [117, 117, 117, 255]
    data = saved(image, transparency=7)
    assert decode_mask(data, "a.png").tolist() == [[[1, 1, 0]]]
    for decode in (images.decode_rgba, decode_rgb, decode_depth):
        with pytest.raises(DataError, match=r"^a\.png: .*transparent"):
            decode(data, "a.png")


@pytest.mark.parametrize("decode", [decode_mask, decode_depth])
@pytest.mark.parametrize("mode", ["RGB", "P"])
def test_coloured_maps_are_refused(decode, mode: str) -> None:
    image = Image.new("RGB", (8, 8), (128, 0, 0)).convert(mode)
    with pytest.raises(DataError, match=r"^m\.png: coloured .*save it as grey"):
        decode(saved(image), "m.png")


@pytest.mark.parametrize("values", [[0.0, 1.5], [-0.1, 1.0], [0.0, float("nan")]])
def test_floats_outside_the_unit_range_are_refused(values: list[float]) -> None:
    data = saved(Image.fromarray(np.array([values], np.float32)), "TIFF")
    with pytest.raises(DataError, match=r"^d\.tif: values from .* 0 to 1 are read"):
        decode_depth(data, "d.tif")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF"])
def test_exif_rotation_is_applied(orientation: int, file_format: str) -> None:
    stored = np.kron(np.array([[0, 120], [240, 60], [180, 30]], np.uint8), np.ones((8, 8), np.uint8))
    upright = {
        1: stored, 2: stored[:, ::-1], 3: stored[::-1, ::-1], 4: stored[::-1], 5: stored.T, 6: np.rot90(stored, -1),
        7: stored[::-1, ::-1].T, 8: np.rot90(stored, 1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    options = {"quality": 100} if file_format == "JPEG" else {}
    decoded = decode_rgb(saved(Image.fromarray(stored), file_format, exif=exif, **options), "a")
    assert decoded.shape[-2:] == upright.shape
    assert (decoded[0].int() - torch.from_numpy(upright.astype(int))).abs().max() <= 4


FILES = {
    "a.jpg": saved(Image.fromarray(noise(40, 50)), "JPEG"),
    "a.png": saved(Image.fromarray(noise(40, 50))),
    "a.tif": saved(Image.fromarray(noise(40, 50)), "TIFF"),
    "a.webp": saved(Image.fromarray(noise(40, 50)), "WEBP"),
}


@pytest.mark.filterwarnings("ignore:Truncated File Read")  # Pillow says so too, of TIFF
@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.7, 0.97])
@pytest.mark.parametrize("name", FILES)
def test_files_cut_short_are_refused_by_name(name: str, share: float) -> None:
    data = FILES[name][: int(len(FILES[name]) * share)]
    with pytest.raises(DataError, match=rf"^{name}: "):
        decode_rgb(data, name)


@pytest.mark.parametrize("data", [b"", b"hello", b"\xff\xd8\xff", b"%!PS-Adobe-3.0 EPSF\n", bytes(1000)])
def test_what_is_no_image_is_refused_by_name(data: bytes) -> None:
    for decode in (decode_rgb, images.decode_rgba, decode_mask, decode_depth):
        with pytest.raises(DataError, match=r"^x\.png: "):
            decode(data, "x.png")


def verdict(data: bytes, name: str) -> str:
    try:
        return "an image" if decode_rgb(data, name).shape[0] == 3 else "a wrong one"
    except DataError as error:
        return str(error)[: len(name) + 2] + "..."


@given(st.sampled_from(list(FILES)), st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1))
@settings(max_examples=150, deadline=None)
def test_damage_is_an_image_or_a_data_error(name: str, changes: list[tuple[float, int]]) -> None:
    data = bytearray(FILES[name])
    for place, value in changes:
        data[int(place * len(data))] = value
    assert verdict(bytes(data), name) in ("an image", f"{name}: ...")


def bomb(w: int, h: int) -> bytes:
    """A PNG that claims to be of this size, in some bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", w, h, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [8193, 30_000, 1_000_000])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_decompression_bomb_is_refused_and_pillow_stays_as_it_was(side: int) -> None:
    before = Image.MAX_IMAGE_PIXELS
    with pytest.raises(DataError, match=r"^b\.png: .*(too many|too large)"):
        decode_rgb(bomb(side, side), "b.png")
    assert before == Image.MAX_IMAGE_PIXELS


@given(st.sampled_from([1, 3, 4]), st.integers(1, 9), st.integers(1, 9), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_png_gives_back_what_was_encoded(c: int, h: int, w: int, seed: int) -> None:
    image = torch.randint(0, 256, (c, h, w), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
    data = images.encode(image)
    decoded = images.decode_rgba(data, "a") if c == 4 else decode_rgb(data, "a")
    assert torch.equal(decoded, image.expand(max(c, 3), -1, -1))


def test_png_of_16_bits_and_jpeg_come_back() -> None:
    depth = torch.tensor([[[0, 1, 65535]]], dtype=torch.int32).to(torch.uint16)
    assert torch.equal(decode_depth(images.encode(depth), "d"), depth.to(torch.float32) / 65535)
    ramp = torch.arange(64, dtype=torch.uint8).mul(4).expand(3, 32, 64).contiguous()
    for c in (1, 3):
        decoded = decode_rgb(images.encode(ramp[:c], "jpg", 95), "r.jpg")
        assert (decoded.int() - ramp.int()).abs().max() < 12
    assert len(images.encode(ramp, "jpg", 20)) < len(images.encode(ramp, "jpg", 95))
