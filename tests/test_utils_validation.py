"""Checks of arguments: every error names the argument, the rule and the value."""

import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from skdcca._utils.validation import (
    check_device,
    check_integer,
    check_number,
    check_option,
    check_pairs,
    check_transformer,
    is_integer,
    is_number,
)


@pytest.mark.parametrize("value", [1, np.int64(7), np.uint8(3), 10**30])
def test_integers_are_accepted(value):
    check_integer("k", value)
    assert is_integer(value)


@pytest.mark.parametrize("value", [0, -1, 1.0, True, np.True_, "1", None, [1], np.array(2), np.nan])
def test_what_is_not_an_integer_is_refused(value):
    with pytest.raises(ValueError, match=r"^`k` must be an integer >= 1, got "):
        check_integer("k", value)
    assert not is_integer(value)


def test_bounds_of_integers_are_in_the_error():
    check_integer("port", 0, ge=0, le=65535)
    with pytest.raises(
        ValueError, match=re.escape("`port` must be an integer in [0, 65535], got 65536.")
    ):
        check_integer("port", 65536, ge=0, le=65535)
    check_integer("k", None, or_none=True)
    with pytest.raises(ValueError, match="an integer >= 2, or None, got 1"):
        check_integer("k", 1, ge=2, or_none=True)
    assert is_integer(-5, ge=None)


@pytest.mark.parametrize("value", [0, 0.5, np.float32(0.25), np.int8(0), Fraction(1, 3)])
def test_numbers_are_accepted(value):
    check_number("reg", value, ge=0, lt=1)


@pytest.mark.parametrize(
    "value", [1, 1.0, -1e-9, np.nan, np.inf, True, "0", None, 0.5j, np.array([0.5]), Decimal("0.5")]
)
def test_what_is_not_a_number_within_the_bounds_is_refused(value):
    with pytest.raises(
        ValueError, match=re.escape("`reg` must be a finite number in [0, 1), got ")
    ):
        check_number("reg", value, ge=0, lt=1)
    assert not is_number(value, ge=0, lt=1)


@pytest.mark.parametrize(
    ("bounds", "rule"),
    [
        ({}, "a finite number, got"),
        ({"ge": 0}, "a finite number >= 0, got"),
        ({"gt": 0}, "a finite number > 0, got"),
        ({"le": 1}, "a finite number <= 1, got"),
        ({"lt": 1}, "a finite number < 1, got"),
        ({"gt": 0, "le": 1}, "a finite number in (0, 1], got"),
        ({"ge": 0, "or_none": True}, "a finite number >= 0, or None, got"),
    ],
)
def test_every_bound_is_in_the_error(bounds, rule):
    with pytest.raises(ValueError, match=re.escape(f"`lr` must be {rule} 'fast'.")):
        check_number("lr", "fast", **bounds)


def test_the_remedy_follows_the_value():
    with pytest.raises(ValueError, match=r"got -1\. Take a positive one\.$"):
        check_number("coef0", -1, ge=0, remedy="Take a positive one.")


def test_options_are_listed_in_order():
    options = ("whitened", "raw", None)
    for value in options:
        check_option("projection", value, options)
    expected = re.escape("`projection` must be one of ['raw', 'whitened', None], got 'white'.")
    with pytest.raises(ValueError, match=f"^{expected}$"):
        check_option("projection", "white", options)
    with pytest.raises(ValueError, match=re.escape("['raw'], or a callable, got 3.")):
        check_option("projection", 3, ("raw",), otherwise="or a callable")


@pytest.mark.parametrize("value", [1, 0, "True", None, np.array([True, False])])
def test_what_equals_an_option_but_is_another_type_is_refused(value):
    with pytest.raises(ValueError, match="must be one of"):
        check_option("stretch", value, (False, True))


@pytest.mark.parametrize(
    ("value", "options"),
    [(np.str_("raw"), ("raw",)), (np.True_, (False, True)), (np.int64(1), (0, 1))],
)
def test_options_of_a_grid_of_numpy_are_accepted(value, options):
    check_option("option", value, options)


def test_transformers_are_instances():
    from sklearn.preprocessing import StandardScaler

    check_transformer("y_transformer", None)
    check_transformer("y_transformer", StandardScaler())
    for value in (StandardScaler, "tfidf", 3):
        with pytest.raises(TypeError, match="`y_transformer` must be a transformer"):
            check_transformer("y_transformer", value)


def test_lengths_are_both_in_the_error():
    check_pairs([1, 2], np.ones((2, 3)))
    with pytest.raises(
        ValueError, match=r"same number of songs, got 2 and 3\. Row i of both must be the same song"
    ):
        check_pairs([1, 2], [1, 2, 3], item="song")


def test_devices():
    import torch

    assert check_device("device", None) is None
    assert check_device("device", "cpu") == torch.device("cpu")
    assert check_device("device", "meta", must_exist=False) == torch.device("cpu")
    with pytest.raises(
        ValueError, match="`device` must be a device of this machine, but torch finds no 'meta'"
    ):
        check_device("device", "meta")
    for value in ("gpu", "", 3.5):
        with pytest.raises(ValueError, match="`device` must be the name of a torch device"):
            check_device("device", value)
