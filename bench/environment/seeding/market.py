"""The market the data describe: states with their populations, products, coverages, and what is filed for them."""

from __future__ import annotations

from dataclasses import dataclass

# State and residents in thousands, 2020 census.
_POPULATION = {
    "CA": 39538, "TX": 29146, "FL": 21538, "NY": 20201, "PA": 13003, "IL": 12813, "OH": 11799, "GA": 10712,
    "NC": 10439, "MI": 10077, "NJ": 9289, "VA": 8631, "WA": 7705, "AZ": 7152, "MA": 7030, "TN": 6911, "IN": 6786,
    "MD": 6177, "MO": 6155, "WI": 5894, "CO": 5774, "MN": 5706, "SC": 5118, "AL": 5024, "LA": 4658, "KY": 4506,
    "OR": 4237, "OK": 3959, "CT": 3606, "UT": 3272, "IA": 3190, "NV": 3105, "AR": 3012, "MS": 2961, "KS": 2938,
    "NM": 2118, "NE": 1962, "ID": 1839, "WV": 1794, "HI": 1455, "NH": 1378, "ME": 1362, "RI": 1097, "MT": 1084,
    "DE": 990, "SD": 887, "ND": 779, "AK": 733, "DC": 690, "VT": 643, "WY": 577,
}  # fmt: skip
STATES = tuple(_POPULATION)
"""The most populous first."""
POPULATION = tuple(_POPULATION.values())
NO_CREDIT = tuple(STATES.index(state) for state in ("CA", "HI", "MA"))
"""States that forbid the use of credit in rating."""

PRODUCTS = ("auto", "home", "renters", "life", "umbrella")
PRODUCT_WEIGHTS = (58, 24, 11, 4, 3)
AUTO, HOME, RENTERS, LIFE, UMBRELLA = range(5)
POLICY_PREFIXES = ("AU", "HO", "RE", "LI", "UM")


@dataclass(frozen=True, slots=True)
class Coverage:
    """One coverage of one product, and what a year of it costs before any factor."""

    product: int
    name: str
    base_cents: int
    minimum_cents: int
    optional: float = 1.0
    """Share of risks that buy it."""
    per_vehicle: bool = False
    deductible: bool = False
    limit_person_cents: int = 0
    limit_cents: int = 0
    """Limit of an occurrence at its usual level; 0 where the deductible alone bounds it."""


# The coverages with a rate, in the order in which a declarations page lists them. Money in cents.
COVERAGES = (
    Coverage(AUTO, "bodily_injury", 31_000, 6_000, limit_person_cents=5_000_000, limit_cents=10_000_000),
    Coverage(AUTO, "property_damage", 22_000, 4_500, limit_cents=5_000_000),
    Coverage(AUTO, "collision", 38_000, 5_000, 0.72, per_vehicle=True, deductible=True),
    Coverage(AUTO, "comprehensive", 14_000, 3_000, 0.78, per_vehicle=True, deductible=True),
    Coverage(AUTO, "uninsured_motorist", 7_500, 1_500, 0.6, limit_person_cents=2_500_000, limit_cents=5_000_000),
    Coverage(AUTO, "medical_payments", 4_000, 800, 0.4, limit_cents=500_000),
    Coverage(AUTO, "roadside_assistance", 1_900, 900, 0.3),
    Coverage(AUTO, "rental_reimbursement", 3_200, 1_200, 0.25),
    Coverage(HOME, "dwelling", 96_000, 25_000, deductible=True, limit_cents=32_000_000),
    Coverage(HOME, "other_structures", 6_500, 1_500, 0.8, limit_cents=3_200_000),
    Coverage(HOME, "personal_property", 21_000, 4_000, limit_cents=16_000_000),
    Coverage(HOME, "loss_of_use", 4_500, 1_000, 0.9, limit_cents=6_400_000),
    Coverage(HOME, "personal_liability", 5_500, 1_500, limit_cents=30_000_000),
    Coverage(HOME, "medical_payments", 1_800, 600, 0.7, limit_cents=500_000),
    Coverage(HOME, "water_backup", 3_900, 1_000, 0.35, limit_cents=1_000_000),
    Coverage(RENTERS, "personal_property", 11_000, 4_000, deductible=True, limit_cents=3_000_000),
    Coverage(RENTERS, "loss_of_use", 2_200, 600, 0.9, limit_cents=600_000),
    Coverage(RENTERS, "personal_liability", 3_600, 1_200, limit_cents=10_000_000),
    Coverage(RENTERS, "medical_payments", 1_100, 400, 0.6, limit_cents=100_000),
    Coverage(LIFE, "term_life", 42_000, 12_000, limit_cents=50_000_000),
    Coverage(LIFE, "whole_life", 165_000, 60_000, 0.15, limit_cents=10_000_000),
    Coverage(UMBRELLA, "umbrella_liability", 24_000, 10_000, limit_cents=100_000_000),
)


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a rating factor: banded levels cover ``low`` to ``high``, both included."""

    product: int
    kind: str
    name: str
    thousandths: int
    """The countrywide factor; 1000 leaves the price as it is."""
    low: int | None = None
    high: int | None = None


def _banded(product: int, kind: str, *bands: tuple[int, int, int]) -> tuple[Level, ...]:
    return tuple(
        Level(product, kind, str(low) if low == high else f"{low}-{high}", factor, low, high)
        for low, high, factor in bands
    )


def _named(product: int, kind: str, **factors: int) -> tuple[Level, ...]:
    return tuple(Level(product, kind, name, factor) for name, factor in factors.items())


SYMBOLS = 40
_CREDIT = {"A": 820, "B": 930, "C": 1000, "D": 1170, "E": 1420}
LEVELS = (
    *(Level(AUTO, "vehicle_symbol", str(symbol), 700 + 25 * symbol) for symbol in range(1, SYMBOLS + 1)),
    *_banded(
        AUTO, "age", (15, 17, 2400), (18, 20, 2050), (21, 24, 1550), (25, 29, 1150), (30, 49, 1000), (50, 64, 930),
        (65, 74, 980), (75, 110, 1250),
    ),
    *_banded(AUTO, "experience", (0, 2, 1350), (3, 5, 1150), (6, 9, 1050), (10, 95, 1000)),
    *_banded(
        AUTO, "mileage", (0, 5000, 850), (5001, 7500, 920), (7501, 12000, 1000), (12001, 15000, 1060),
        (15001, 25000, 1170), (25001, 200000, 1350),
    ),
    *_banded(
        AUTO, "deductible", (0, 0, 1300), (250, 250, 1150), (500, 500, 1000), (1000, 1000, 860), (2500, 2500, 720),
    ),
    *_named(AUTO, "credit_tier", **_CREDIT),
    *_named(AUTO, "risk_class", pleasure=940, commute=1050, business=1220, farm=880),
    *_banded(
        HOME, "deductible", (500, 500, 1120), (1000, 1000, 1000), (2500, 2500, 880), (5000, 5000, 790),
        (10000, 10000, 700),
    ),
    *_named(HOME, "credit_tier", **_CREDIT),
    *_named(HOME, "risk_class", frame=1080, masonry=940, fire_resistive=810, manufactured=1380),
    *_banded(RENTERS, "deductible", (250, 250, 1100), (500, 500, 1000), (1000, 1000, 900)),
    *_named(RENTERS, "credit_tier", **_CREDIT),
    *_named(RENTERS, "risk_class", low_rise=1000, high_rise=950, single_family=1080),
    *_banded(
        LIFE, "age", (18, 29, 550), (30, 39, 750), (40, 49, 1200), (50, 59, 2300), (60, 69, 4600), (70, 110, 9000)
    ),
    *_named(LIFE, "risk_class", preferred=780, standard=1000, smoker=2200),
    *_named(UMBRELLA, "risk_class", low=850, medium=1000, high=1450),
)  # fmt: skip
"""Every level a state files, grouped by product and kind; the order numbers them."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A discount or a surcharge as most states file it, in hundredths of a percent or in cents."""

    product: int
    code: str
    name: str
    percent: int = 0
    cap: int = 0
    flat_cents: int = 0
    lookback_months: int = 0
    ended: bool = False
    """Withdrawn everywhere: its last row has an expiration date."""


DISCOUNTS = (
    Rule(AUTO, "multi_policy", "Multi-policy", 1_000, 4_000),
    Rule(AUTO, "good_student", "Good student", 1_200, 4_000),
    Rule(AUTO, "anti_theft", "Anti-theft device", 450, 4_000),
    Rule(AUTO, "safe_driver", "Five years without a claim", 1_800, 3_000),
    Rule(AUTO, "paperless", "Paperless", 200, 4_000),
    Rule(AUTO, "early_bird", "Early quote", 600, 4_000, ended=True),
    Rule(HOME, "multi_policy", "Multi-policy", 1_400, 4_500),
    Rule(HOME, "protective_devices", "Alarm and sprinklers", 700, 4_500),
    Rule(HOME, "new_roof", "Roof younger than ten years", 900, 4_500),
    Rule(HOME, "claim_free", "Five years without a claim", 1_100, 3_500),
    Rule(RENTERS, "multi_policy", "Multi-policy", 800, 3_500),
    Rule(RENTERS, "claim_free", "Three years without a claim", 600, 3_500),
    Rule(LIFE, "multi_policy", "Multi-policy", 300, 1_500),
    Rule(UMBRELLA, "multi_policy", "Multi-policy", 900, 2_500),
)
SURCHARGES = (
    Rule(AUTO, "at_fault_accident", "At-fault accident", 2_250, lookback_months=36),
    Rule(AUTO, "speeding", "Speeding conviction", 1_500, lookback_months=36),
    Rule(AUTO, "sr22", "SR-22 filing", flat_cents=2_500),
    Rule(AUTO, "lapse_in_cover", "Lapse in cover", 1_000, lookback_months=12),
    Rule(HOME, "claim_history", "Two claims or more", 2_000, lookback_months=60),
    Rule(HOME, "wood_stove", "Wood stove", flat_cents=4_000),
    Rule(RENTERS, "claim_history", "Two claims or more", 1_500, lookback_months=60),
    Rule(LIFE, "hazardous_sport", "Hazardous sport", flat_cents=12_000),
    Rule(UMBRELLA, "youthful_operator", "Driver under 25", 2_500),
)

# Makers and models of no real car.
MAKES = (
    "Aurelio", "Brantis", "Corvano", "Dorsal", "Elmira Motor", "Fennec", "Galvan", "Hestrel", "Ivaro", "Jolanta",
    "Kestral", "Lumen", "Morava", "Norvik", "Orsino", "Palander", "Quillon", "Rhodan", "Solvay", "Tarpan",
)  # fmt: skip
MODELS = ("Arc", "Breve", "Cirro", "Dune", "Eclat", "Fjord", "Grove", "Halo", "Iris", "Juno", "Krill", "Lark")
MODEL_YEARS = range(1998, 2027)
