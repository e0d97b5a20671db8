"""Frames come to the host through pinned memory, on a stream of their own."""

import numpy as np
import pytest
import standin

from microdomain.backends.copies import LEAST, Copies


@pytest.fixture
def card(tmp_path):
    return standin.module(tmp_path)


def test_a_copy_is_there_when_it_was_waited_for(card):
    a = card.asarray(np.arange(LEAST, dtype=float).reshape(4, -1))
    arrived = Copies(card).begin(a)
    _, out, held = arrived.args
    assert np.isnan(out).all()
    assert held is a
    np.testing.assert_array_equal(arrived(), np.arange(LEAST).reshape(4, -1))
    assert type(arrived()) is np.ndarray


def test_two_copies_on_their_way_do_not_mix(card):
    copies, shape = Copies(card), (2, LEAST)
    begun = [copies.begin(card.full(shape, value)) for value in (1.0, 2.0)]
    assert [np.unique(arrived()).tolist() for arrived in reversed(begun)] == [[2.0], [1.0]]


@pytest.mark.parametrize("array", [np.arange(8.0), np.arange(4.0 * LEAST).reshape(2, -1)[:, ::2]])
def test_small_and_scattered_arrays_are_copied_plainly(card, array):
    copies = Copies(card)
    np.testing.assert_array_equal(copies.begin(card.asarray(array))(), array)
    assert copies._stream is None
