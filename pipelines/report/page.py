"""The page itself: everything made ready, then put into the template."""

import dataclasses
from importlib import resources

import jinja2

import medsynth
from pipelines.project_config import ProjectConfig
from pipelines.release_decision import LINKAGE_CHECK
from pipelines.report import content_tables, figures, summary, tables
from pipelines.report.comparisons import Comparison, make_comparisons
from pipelines.report.contact_sheet import ContactSheet, make_contact_sheet
from pipelines.report.gate import GateView, gate_view
from pipelines.report.pictures import picture_file_data_uri
from pipelines.report.results import WorkspaceResults

MOST_FLAGGED_PAIRS = 8
_WIDEST_PAIR = 900


@dataclasses.dataclass(frozen=True)
class FlaggedPair:
    """A synthetic scan that points to a real patient.

    Attributes:
        image: the pair side by side, as `png_data_uri` gives a picture.
        caption: which pair it is, and which check flagged it.
    """

    image: str
    caption: str


@dataclasses.dataclass(frozen=True)
class Page:
    """All that the template shows.

    Attributes:
        version: of the program.
        mode: the release mode asked for.
        headline: the decision.
        warnings: what to beware of.
        key_figures: the figures that matter most.
        comparisons: before and after.
        organ_table: HU by organ.
        bias_chart: mean errors by organ.
        median_chart: medians by organ.
        body: figures of the whole body.
        correlation: correlation of organ medians.
        evenness: jumps from slice to slice, and hidden signal.
        kept: what must not change.
        lesions: what became of lesions.
        domains: how the training domains differ.
        gate: which translated volumes measure what they should.
        training_chart: the losses.
        dice_tables: Dice by organ and arm.
        dice_chart: the same as a chart.
        memorisation: checks on copies of training patients.
        linkage: checks on the match with the source.
        self_test: which planted copies were found.
        self_test_sentence: what the self-test says of itself.
        budget: the training's privacy budget.
        not_covered: what the budget leaves out.
        flagged: flagged pairs.
        flagged_count: how many were flagged in all.
        verdicts: series by verdict and reason.
        phases: series by phase.
        roles: patients by role.
        contact_sheet: middle slices of accepted series, and counts of the others.
        stages: the stages that ran.
        packages: versions.
        settings: all settings.
    """

    version: str
    mode: str
    headline: summary.Headline
    warnings: tuple[str, ...]
    key_figures: tuple[summary.KeyFigure, ...]
    comparisons: tuple[Comparison, ...]
    organ_table: tables.Table | None
    bias_chart: str | None
    median_chart: str | None
    body: tables.Table | None
    correlation: tables.Table | None
    evenness: tables.Table | None
    kept: tables.Table | None
    lesions: tables.Table | None
    domains: tables.Table | None
    gate: GateView | None
    training_chart: str | None
    dice_tables: tuple[tuple[str, tables.Table], ...]
    dice_chart: str | None
    memorisation: tuple[tables.CheckRow, ...]
    linkage: tuple[tables.CheckRow, ...]
    self_test: tables.Table | None
    self_test_sentence: str
    budget: tables.Table | None
    not_covered: tuple[str, ...]
    flagged: tuple[FlaggedPair, ...]
    flagged_count: int
    verdicts: tables.Table | None
    phases: tables.Table | None
    roles: tables.Table | None
    contact_sheet: ContactSheet | None
    stages: tables.Table | None
    packages: tables.Table | None
    settings: tables.Table


def make_page(results: WorkspaceResults, config: ProjectConfig) -> Page:
    """Make ready what the page shows.

    Args:
        results: what the workspace holds.
        config: all settings.
    """
    checks = tables.check_rows(results.audit, config.release.mode)
    organs = (results.fidelity or {}).get("organs", {})
    arms = (results.utility or {}).get("arms", {})
    audit = results.audit or {}
    return Page(
        version=medsynth.__version__,
        mode=config.release.mode,
        headline=summary.make_headline(results, config),
        warnings=(
            *summary.make_warnings(results, config),
            *content_tables.content_warnings(results.fidelity, results.domain_differences),
        ),
        key_figures=summary.make_key_figures(results),
        comparisons=make_comparisons(results),
        organ_table=tables.organ_table(results.fidelity),
        bias_chart=figures.organ_bias_chart(organs),
        median_chart=figures.organ_median_chart(organs),
        body=tables.body_table(results.fidelity),
        correlation=content_tables.correlation_table(results.fidelity),
        evenness=content_tables.evenness_table(results.fidelity),
        kept=content_tables.kept_table(results.fidelity),
        lesions=content_tables.lesion_table(results.fidelity),
        domains=content_tables.domain_table(results.domain_differences),
        gate=gate_view(results.synthetic),
        training_chart=figures.training_curves(results.metrics),
        dice_tables=tables.dice_tables(results.utility),
        dice_chart=figures.dice_chart(arms),
        memorisation=tuple(row for row in checks if not tables.is_linkage(row)),
        linkage=tuple(row for row in checks if tables.is_linkage(row)),
        self_test=tables.self_test_table(results.audit),
        self_test_sentence=audit.get("self_test", {}).get("explanation", ""),
        budget=tables.budget_table(results.privacy),
        not_covered=tuple((results.privacy or {}).get("not_covered", ())),
        flagged=_flagged_pairs(results),
        flagged_count=len(audit.get("flagged", ())),
        verdicts=tables.verdict_table(results),
        phases=tables.phase_table(results),
        roles=tables.role_table(results),
        contact_sheet=make_contact_sheet(results),
        stages=tables.stage_table(results),
        packages=tables.package_table(results),
        settings=tables.settings_table(config),
    )


def render_page(page: Page) -> str:
    """Put the page into its template, with everything it needs inside.

    Args:
        page: what is shown.

    Returns:
        An HTML document that loads nothing from anywhere.
    """
    folder = resources.files("pipelines.report")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(folder.joinpath("template.html").read_text("utf-8"))
    style = folder.joinpath("style.css").read_text("utf-8")
    return template.render(page=page, style=style)


def _flagged_pairs(results: WorkspaceResults) -> tuple[FlaggedPair, ...]:
    pictures = {
        path.relative_to(results.workspace / "audit").as_posix(): path
        for path in results.files("audit", "flagged/")
    }
    flags = [
        flag for flag in (results.audit or {}).get("flagged", ()) if flag.get("picture") in pictures
    ]
    # Copies of training patients first: linkage to the own source is expected of a translation.
    flags.sort(key=lambda flag: bool(flag["check"] == LINKAGE_CHECK))
    return tuple(
        FlaggedPair(
            image=picture_file_data_uri(pictures[flag["picture"]], widest=_WIDEST_PAIR),
            caption=(
                f"{flag['synthetic']} points to patient {flag['patient']}: {flag['check']}, "
                f"p = {flag['p_value']:.3g}"
            ),
        )
        for flag in flags[:MOST_FLAGGED_PAIRS]
    )
