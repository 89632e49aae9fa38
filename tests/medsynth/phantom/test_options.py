import pytest

from medsynth.errors import ConfigurationError
from medsynth.phantom.options import PhantomOptions


def test_options_refuse_more_sites_than_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"sites is 9\. Expected 1 to 4"):
        PhantomOptions(sites=9)


def test_options_refuse_shares_that_exceed_all_patients() -> None:
    with pytest.raises(ConfigurationError, match="both_share"):
        PhantomOptions(contrast_share=0.8, both_share=0.3)


def test_options_accept_shares_that_fill_all_patients() -> None:
    assert PhantomOptions(contrast_share=0.9, both_share=0.1).both_share == 0.1
