from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from firmware_bridge.native.spectrum_coding import SpectrumCodingError, decode_spectrum, encode_spectrum

Counts = NDArray[np.uint32]

spectra = arrays(
    np.uint32,
    st.integers(16, 300),
    elements=st.one_of(st.just(0), st.just(0), st.integers(0, 3), st.integers(0, 2**32 - 1)),
    fill=st.nothing(),
)


def decode_plainly(coded: bytes, channels: int) -> Counts:
    """The page's words as a loop."""
    counts: list[int] = []
    token = shift = 0
    for octet in coded:
        token |= (octet & 0x7F) << shift
        shift += 7
        if octet & 0x80:
            continue
        if token % 2 == 0:
            counts.append(token // 2)
        else:
            counts += [0] * ((token >> 2) + 1) + [1] * (token % 4 == 3)
        token = shift = 0
    assert len(counts) == channels
    return np.array(counts, dtype=np.uint32)


@given(spectra)
def test_a_spectrum_survives_its_coding(counts: Counts) -> None:
    assert np.array_equal(decode_spectrum(encode_spectrum(counts), counts.size), counts)


@given(spectra)
def test_the_vectorised_decoder_agrees_with_the_plain_one(counts: Counts) -> None:
    coded = encode_spectrum(counts)
    assert np.array_equal(decode_plainly(coded, counts.size), counts)


@given(spectra)
def test_a_coded_spectrum_holds_no_zero_byte_and_at_most_five_bytes_a_channel(counts: Counts) -> None:
    coded = encode_spectrum(counts)
    assert 0 not in coded
    assert len(coded) <= 5 * counts.size


@given(spectra, st.integers(-3, 3).filter(bool))
def test_a_spectrum_of_another_length_is_refused(counts: Counts, difference: int) -> None:
    with pytest.raises(SpectrumCodingError):
        decode_spectrum(encode_spectrum(counts), counts.size + difference)


@given(spectra, st.data())
def test_a_spectrum_that_is_cut_off_is_refused(counts: Counts, data: st.DataObject) -> None:
    coded = encode_spectrum(counts)
    with pytest.raises(SpectrumCodingError):
        decode_spectrum(coded[: data.draw(st.integers(0, len(coded) - 1))], counts.size)


@given(st.binary(max_size=400), st.integers(16, 64))
def test_garbage_is_decoded_or_refused_and_never_anything_else(octets: bytes, channels: int) -> None:
    with contextlib.suppress(SpectrumCodingError):
        assert decode_spectrum(octets, channels).shape == (channels,)


def test_a_run_of_billions_of_channels_is_refused_without_being_made() -> None:
    with pytest.raises(SpectrumCodingError):
        decode_spectrum(b"\xff\xff\xff\xff\x7f" * 100, 2048)


def test_the_decoded_spectrum_is_read_only() -> None:
    counts = decode_spectrum(encode_spectrum(np.arange(64, dtype=np.uint32)), 64)
    with pytest.raises(ValueError, match="read-only"):
        counts[0] = 1


@pytest.mark.parametrize(("total", "most"), [(100, 195), (300, 339), (1_000, 615)])
def test_sparse_spectra_are_smaller_than_plain_run_lengths_would_make_them(total: int, most: int) -> None:
    generator = np.random.default_rng(1)
    channels = np.arange(2048)
    shape = 1.5 * np.exp(-(((channels - 900) / 500) ** 2))
    for centre in (180, 320, 640, 740, 1100):
        shape += 60 * np.exp(-(((channels - centre) / 7) ** 2) / 2)
    sizes = [len(encode_spectrum(generator.poisson(shape / shape.sum() * total).astype(np.uint32))) for _ in range(50)]
    assert np.mean(sizes) < most
