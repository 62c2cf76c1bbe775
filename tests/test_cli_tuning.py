"""The grids of `fit --search`."""

from skdcca._cli.parser import MODELS
from skdcca._cli.song_models import song_model
from skdcca._cli.tuning import GRIDS


def test_every_kind_of_model_can_be_fitted_and_tuned():
    assert set(MODELS) == set(GRIDS)
    for kind in MODELS:
        parameters = song_model(kind, 100).get_params()
        assert set(GRIDS[kind]) <= set(parameters)
