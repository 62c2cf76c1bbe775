"""Warp, against SciPy and against images whose values are their coordinates."""

import math

import numpy as np
import pytest
import torch
from _contract import each_check, run_check
from scipy.ndimage import map_coordinates

from skdcca.augmentation import Warp

HEIGHT, WIDTH = 24, 20
STILL = {"rotation": 0, "scale": 0, "shear": 0, "shift": 0, "elastic": 0}


@pytest.fixture(autouse=True)
def same_draws():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def coordinates(n=12):
    """Return images with three channels: the column of a pixel, its row, and noise."""
    rows, columns = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    whole = torch.empty(n, 3, HEIGHT, WIDTH, dtype=torch.float64)
    whole[:, 0], whole[:, 1], whole[:, 2] = columns, rows, torch.rand(n, HEIGHT, WIDTH)
    return whole


def warped(warp, whole, at=7, axis=-1):
    """Return the whole images after they were split, warped and joined."""
    size = whole.shape[axis]
    return torch.cat(warp(*whole.split([at, size - at], dim=axis)), dim=axis)


def affine_maps(**parameters):
    """Return the 2 x 2 matrix and the shift of each warp, fitted to the middle of the images."""
    found = warped(Warp(**{**STILL, **parameters}), coordinates())
    inside = np.s_[8:-8, 7:-7]
    design = np.stack([z[inside].ravel() for z in coordinates(1)[0, :2].numpy()], axis=1)
    design = np.column_stack([design - [(WIDTH - 1) / 2, (HEIGHT - 1) / 2], np.ones(len(design))])
    maps = []
    for image in found.numpy():
        target = np.stack([z[inside].ravel() for z in image[:2]], axis=1)
        fitted, *_ = np.linalg.lstsq(design, target, rcond=None)
        np.testing.assert_allclose(design @ fitted, target, atol=1e-4)
        maps.append(fitted.T)
    maps = np.array(maps)
    return maps[:, :, :2], maps[:, :, 2] - [(WIDTH - 1) / 2, (HEIGHT - 1) / 2]


def test_without_a_warp_nothing_changes():
    x, y = torch.rand(2, 5, HEIGHT, WIDTH)
    for before, after in zip((x, y), Warp(**STILL)(x, y), strict=True):
        torch.testing.assert_close(after, before, atol=1e-5, rtol=0)


def test_a_rotation_keeps_lengths_and_the_center():
    maps, shifts = affine_maps(rotation=20)
    np.testing.assert_allclose(
        maps @ maps.transpose(0, 2, 1), np.tile(np.eye(2), (12, 1, 1)), atol=1e-4
    )
    angles = np.degrees(np.arctan2(maps[:, 1, 0], maps[:, 0, 0]))
    assert 10 < np.abs(angles).max() <= 20
    assert np.unique(angles.round(3)).size == 12
    assert {-1, 1} == set(np.sign(angles))
    np.testing.assert_allclose(shifts, 0, atol=1e-4)


def test_scale_shear_and_shift_have_their_bounds():
    maps, shifts = affine_maps(scale=0.2)
    assert 0.1 < np.abs(maps[:, [0, 1], [0, 1]] - 1).max() <= 0.2 + 1e-5
    np.testing.assert_allclose(maps[:, [0, 1], [1, 0]], 0, atol=1e-5)
    maps, shifts = affine_maps(shear=0.3)
    assert 0.15 < np.abs(maps[:, 0, 1]).max() <= 0.3 + 1e-5
    np.testing.assert_allclose(maps[:, 1], np.tile([0, 1], (12, 1)), atol=1e-5)
    maps, shifts = affine_maps(shift=3)
    np.testing.assert_allclose(maps, np.tile(np.eye(2), (12, 1, 1)), atol=1e-5)
    assert (np.abs(shifts).max(axis=0) > 1.5).all()
    assert np.abs(shifts).max() <= 3 + 1e-4


@pytest.mark.parametrize("parameters", [{}, {"elastic": 2.0, "shift": 4.0}])
def test_pixels_are_read_as_scipy_reads_them(parameters):
    whole = coordinates()
    found = warped(Warp(**parameters), whole).numpy()
    for before, after in zip(whole.numpy(), found, strict=True):
        expected = map_coordinates(before[2], [after[1], after[0]], order=1, mode="nearest")
        np.testing.assert_allclose(after[2], expected, atol=1e-4)


def test_elastic_displacements_are_smooth_and_as_large_as_declared():
    whole = coordinates(200)
    moved = (warped(Warp(**{**STILL, "elastic": 0.8}), whole) - whole)[:, :2, 4:-4, 4:-4].numpy()
    assert 0.4 < moved.std() < 0.8  # smaller between the knots
    assert moved[:, 0].std() == pytest.approx(moved[:, 1].std(), rel=0.1)
    assert np.diff(moved, axis=-1).std() < 0.4 * moved.std()  # 1.4 for independent pixels
    assert abs(np.corrcoef(moved[:, 0].ravel(), moved[:, 1].ravel())[0, 1]) < 0.1


@pytest.mark.parametrize("axis", [-1, -2])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_where_the_image_is_split_makes_no_difference(axis, channels):
    whole = torch.rand(4, *channels, HEIGHT, WIDTH)
    results = []
    for at in (3, 10):
        torch.manual_seed(1)
        results.append(warped(Warp(axis=axis), whole, at, axis))
    torch.testing.assert_close(*results)
    assert not torch.allclose(results[0], whole, atol=0.1)


def test_vectors_with_a_declared_shape():
    x, y = torch.rand(4, HEIGHT, 8), torch.rand(4, HEIGHT, 12)
    torch.manual_seed(1)
    expected = Warp()(x, y)
    warp = Warp(x_shape=(HEIGHT, 8), y_shape=[HEIGHT, 12])
    for views in ((x.flatten(1), y.flatten(1)), (x, y)):
        torch.manual_seed(1)
        for view, ours, whole in zip(views, warp(*views), expected, strict=True):
            assert ours.shape == view.shape
            assert torch.equal(ours.reshape(whole.shape), whole)
    same = Warp(x_shape=(HEIGHT, 8))(x.flatten(1).double(), x.flatten(1))
    assert [view.dtype for view in same] == [torch.float64, torch.float32]


HALF = torch.zeros(3, 8, 4)


@pytest.mark.parametrize(
    ("parameters", "views", "message"),
    [
        ({"rotation": -1}, (HALF, HALF), "`rotation` must be a finite number >= 0, got -1"),
        ({"scale": 1}, (HALF, HALF), r"`scale` must be a finite number in \[0, 1\), got 1"),
        ({"shear": math.nan}, (HALF, HALF), "`shear` must be .*got nan"),
        ({"shift": None}, (HALF, HALF), "`shift` must be .*got None"),
        ({"elastic": "mild"}, (HALF, HALF), "`elastic` must be .*got 'mild'"),
        ({"axis": 1}, (HALF, HALF), "`axis` must be -1 .* or -2 .*, got 1"),
        ({"x_shape": 32}, (HALF, HALF), "`x_shape` must be .*got 32"),
        ({"y_shape": (0, 4)}, (HALF, HALF), r"`y_shape` must be .*got \(0, 4\)"),
        ({"x_shape": (8, 5)}, (HALF.flatten(1), HALF), r"have shape \(32,\), got \(8, 5\)"),
        ({}, (HALF.flatten(1), HALF), r"x must have shape .*got \(32,\). Set `x_shape`"),
        ({}, (HALF, HALF.flatten(1)), r"y must have shape .*got \(32,\). Set `y_shape`"),
        ({}, (HALF, HALF[:, :7]), r"along axis -1 .*got .*\(1, 8, 4\) and \(1, 7, 4\)"),
        ({"axis": -2}, (HALF, HALF[:, :, :3]), r"along axis -2 .*\(1, 8, 4\) and \(1, 8, 3\)"),
        ({}, (HALF[:, None], torch.zeros(3, 2, 8, 4)), r"\(1, 8, 4\) and \(2, 8, 4\)"),
    ],
)
def test_bad_parameters_and_views_are_named(parameters, views, message):
    with pytest.raises(ValueError, match=message):
        Warp(**parameters)(*views)


@each_check
def test_scikit_learn_contract(check):
    run_check(check, Warp(rotation=3.0))
