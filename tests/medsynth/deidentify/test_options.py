import pytest

from medsynth.deidentify.options import DeidentifySettings
from medsynth.errors import ConfigurationError
from medsynth.records.configuration import fill_settings


def test_no_option_is_in_force_unless_it_is_chosen() -> None:
    assert DeidentifySettings().options_in_force() == ()
    assert DeidentifySettings(mode="release").options_in_force() == ()


def test_each_way_with_dates_is_an_option_of_the_standard() -> None:
    assert DeidentifySettings(dates="shifted").options_in_force() == ("dates_shifted",)
    assert DeidentifySettings(dates="kept").options_in_force() == ("dates_kept",)


def test_a_release_adds_no_attributes() -> None:
    with pytest.raises(ConfigurationError, match="retain_safe_private would add"):
        fill_settings(DeidentifySettings, [{"mode": "release", "retain_safe_private": True}], [])
    DeidentifySettings(mode="release", dates="shifted", clean_descriptors=True)
