"""A spot is where it says within what it says, and what is no spot is refused with its reason."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from calibration.spot import NoSpot, Spot, find_spot

SHAPE = (160, 200)


def scene(rng: np.random.Generator, shape=SHAPE) -> np.ndarray:
    """A painted ground in linear light, 0.1 to 0.3."""
    texture = cv2.GaussianBlur(rng.standard_normal(shape), (0, 0), 12.0)
    return 0.2 + 0.05 * texture / texture.std()


def drawn(rng: np.random.Generator, *spots, ground=0.02, speckle=0.0, noise=0.004, shape=SHAPE) -> np.ndarray:
    """Spots (x, y, deviation in px, peak) as an 8-bit sRGB picture of three equal colours."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    light = np.zeros(shape)
    for x0, y0, sigma, peak in spots:
        light += peak * np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / (2 * sigma**2))
    if speckle:
        grains = cv2.GaussianBlur(rng.standard_normal(shape), (0, 0), 0.8)
        light *= np.maximum(1 + speckle * grains / grains.std(), 0)
    albedo = ground / 0.2 if np.ndim(ground) else 1.0
    light = np.clip(light * albedo + ground + rng.normal(0, noise, shape), 0, 1)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)
    return np.repeat(np.round(encoded * 255).astype(np.uint8)[..., None], 3, axis=2)


@pytest.mark.parametrize(("speckle", "peak"), [(0.0, 0.6), (0.4, 0.6), (0.4, 4.0)])
def test_the_error_of_a_spot_is_what_it_says(speckle, peak):
    pulls = []
    for seed in range(25):
        rng = np.random.default_rng(seed)
        x, y = rng.uniform(70, 120), rng.uniform(60, 100)
        spot = find_spot(drawn(rng, (x, y, 6.0, peak), speckle=speckle))
        assert isinstance(spot, Spot)
        pulls += [(spot.x_px - x) / spot.x_error_px, (spot.y_px - y) / spot.y_error_px]
    # 50 pulls of deviation 1 have an rms between 0.8 and 1.2 (two errors of it), Student's with the five parts that
    # matter 1.3 times as much; saturation may make the stated error too large.
    assert 0.3 < np.sqrt(np.mean(np.square(pulls))) < 1.5


def test_a_bare_spot_is_found_within_a_twentieth_of_a_pixel():
    rng = np.random.default_rng(1)
    spot = find_spot(drawn(rng, (91.37, 70.81, 5.0, 0.7), noise=0.003))
    assert isinstance(spot, Spot)
    assert abs(spot.x_px - 91.37) < 0.05
    assert abs(spot.y_px - 70.81) < 0.05
    assert spot.radius_px == pytest.approx(5.0, rel=0.1)


def test_what_the_spot_falls_on_does_not_pull_it_when_the_laser_was_off_once():
    off, bare = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        ground = scene(rng)
        lit, dark = drawn(rng, (95.3, 81.6, 6.0, 0.5), ground=ground), drawn(rng, ground=ground)
        spot, alone = find_spot(lit, dark), find_spot(lit)
        assert isinstance(spot, Spot)
        off.append(np.hypot(spot.x_px - 95.3, spot.y_px - 81.6))
        bare.append(np.hypot(alone.x_px - 95.3, alone.y_px - 81.6) if alone else np.inf)
    assert np.median(off) < 0.1
    assert np.median(off) < 0.5 * np.median(bare)


def test_sixteen_bits_place_a_spot_as_eight_do():
    rng = np.random.default_rng(3)
    eight = drawn(rng, (91.37, 70.81, 5.0, 0.7))
    few, many = find_spot(eight), find_spot(eight.astype(np.uint16) * 257)
    assert isinstance(few, Spot)
    assert isinstance(many, Spot)
    assert many.x_px == pytest.approx(few.x_px, abs=1e-3)


@pytest.mark.parametrize(
    ("spots", "words"),
    [
        ([], "no laser spot is seen"),
        ([(250.0, 80.0, 5.0, 0.7)], "no laser spot is seen"),
        ([(4.0, 80.0, 5.0, 0.7)], "at the picture's border"),
        ([(60.0, 80.0, 5.0, 0.7), (140.0, 80.0, 5.0, 0.6)], "two spots"),
        ([(90.0, 80.0, 5.0, 200.0)], "saturated"),
    ],
    ids=["none", "outside", "border", "two", "saturated"],
)
def test_what_is_no_single_whole_spot_is_refused(spots, words):
    outcome = find_spot(drawn(np.random.default_rng(5), *spots))
    assert isinstance(outcome, NoSpot)
    assert not outcome
    assert words in outcome.reason


def test_a_scene_of_another_size_is_refused():
    rng = np.random.default_rng(5)
    outcome = find_spot(drawn(rng, (90.0, 80.0, 5.0, 0.5)), drawn(rng, shape=(100, 100)))
    assert isinstance(outcome, NoSpot)
    assert "another size" in outcome.reason


REAL = ("TEM00_150mm", "t-280mm", "t-414mm", "t-hene")


@pytest.fixture(scope="module")
def real(measurement_data):
    """Photographs of laser spots, halved for speed."""
    return {
        name: cv2.resize(
            cv2.imread(str(measurement_data / "laser_spots" / f"{name}.png"), cv2.IMREAD_GRAYSCALE),
            None,
            fx=0.5,
            fy=0.5,
            interpolation=cv2.INTER_AREA,
        )
        for name in REAL
    }


@pytest.mark.parametrize("name", REAL)
def test_a_photographed_spot_is_where_it_was_in_a_part_of_the_picture(real, name):
    whole, part = find_spot(real[name]), find_spot(real[name][15:-12, 12:-20])
    assert isinstance(whole, Spot)
    assert isinstance(part, Spot)
    assert np.hypot(part.x_px + 12 - whole.x_px, part.y_px + 15 - whole.y_px) < 0.05


@pytest.mark.parametrize("name", REAL)
def test_a_photographed_spot_stays_within_its_error_under_noise(real, name):
    image = real[name]
    plain = find_spot(image)
    noise = np.random.default_rng(7).normal(0, 3, image.shape)
    noisy = find_spot(np.clip(image + noise, 0, 255).astype(np.uint8))
    assert isinstance(plain, Spot)
    assert isinstance(noisy, Spot)
    assert abs(noisy.x_px - plain.x_px) < 3 * noisy.x_error_px
    assert abs(noisy.y_px - plain.y_px) < 3 * noisy.y_error_px


@pytest.mark.parametrize("name", REAL)
def test_a_photographed_spot_stays_within_three_errors_when_its_top_is_clipped(real, name):
    image = real[name]
    plain = find_spot(image)
    clipped = find_spot(np.minimum(image / (0.6 * image.max()) * 255, 255).astype(np.uint8))
    assert isinstance(plain, Spot)
    assert isinstance(clipped, Spot)
    assert 0.1 < clipped.saturated_share < 0.8
    assert abs(clipped.x_px - plain.x_px) < 3 * clipped.x_error_px
    assert abs(clipped.y_px - plain.y_px) < 3 * clipped.y_error_px


def test_a_photograph_that_is_overexposed_as_a_whole_does_not_pretend_a_precise_spot(measurement_data):
    image = cv2.imread(str(measurement_data / "laser_spots" / "FBWR_151.png"), cv2.IMREAD_GRAYSCALE)
    outcome = find_spot(image)
    assert isinstance(outcome, NoSpot) or outcome.x_error_px > 0.5
