"""Finds the things that a page's markup describes, and which of them the page itself is about.

Comes in: a page; goes out: `Entity`s in the order JSON-LD, microdata, RDFa, each in the order of the page. Called by
`structured` and `events`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tidemill.models.document import Json
from tidemill.process.extract.jsonld import Item, ItemStore, types_of
from tidemill.process.extract.metadata import ARTICLE_TYPES
from tidemill.process.extract.microdata import read_microdata, read_rdfa
from tidemill.process.extract.page import Page

PRODUCT, RECIPE, JOB, ARTICLE, FAQ, ORGANIZATION = "product", "recipe", "job", "article", "faq", "organization"

_MAX_ENTITIES = 1_000
_MAX_WALKED = 20_000
_ORGANIZATIONS = (
    "Organization", "Corporation", "LocalBusiness", "NGO", "GovernmentOrganization", "EducationalOrganization",
    "CollegeOrUniversity", "School", "HighSchool", "ElementarySchool", "MiddleSchool", "Preschool", "SportsTeam",
    "SportsClub", "PerformingGroup", "MusicGroup", "TheaterGroup", "LibrarySystem", "Library", "Airline", "Consortium",
    "FundingScheme", "Project", "ResearchProject", "PoliticalParty", "OnlineStore", "Store", "Restaurant", "Bakery",
    "BarOrPub", "Brewery", "CafeOrCoffeeShop", "FastFoodRestaurant", "Winery", "Hotel", "Hostel", "Motel", "Resort",
    "BedAndBreakfast", "Campground", "Dentist", "Physician", "Hospital", "MedicalClinic", "Pharmacy", "Optician",
    "VeterinaryCare", "Attorney", "Notary", "LegalService", "AccountingService", "InsuranceAgency", "BankOrCreditUnion",
    "Plumber", "Electrician", "HVACBusiness", "GeneralContractor", "HousePainter", "Locksmith", "MovingCompany",
    "RoofingContractor", "AutoDealer", "AutoRepair", "AutoRental", "GasStation", "RealEstateAgent", "TravelAgency",
    "EmploymentAgency", "ChildCare", "DaySpa", "HairSalon", "BeautySalon", "NailSalon", "TattooParlor", "ExerciseGym",
    "HealthClub", "GolfCourse", "Florist", "Museum", "ArtGallery", "MovieTheater", "NightClub", "SelfStorage",
    "DryCleaningOrLaundry", "ProfessionalService", "FireStation", "PoliceStation", "PostOffice",
    "TouristInformationCenter",
)  # fmt: skip
_KIND_SUFFIXES = (("business", ORGANIZATION), ("organization", ORGANIZATION), ("store", ORGANIZATION))
_KINDS: dict[str, str] = {
    **dict.fromkeys(("jobposting",), JOB),
    **dict.fromkeys(("recipe",), RECIPE),
    **dict.fromkeys(("product", "productgroup", "individualproduct", "productmodel", "vehicle", "car"), PRODUCT),
    **{name.lower(): ARTICLE for name in ARTICLE_TYPES},
    **dict.fromkeys(("faqpage",), FAQ),
    **{name.lower(): ORGANIZATION for name in _ORGANIZATIONS},
}
_PAGES = frozenset((
    "webpage", "itempage", "aboutpage", "contactpage", "faqpage", "profilepage", "collectionpage", "qapage",
    "checkoutpage", "searchresultspage", "medicalwebpage", "realestatelisting",
))  # fmt: skip
_MAIN = ("mainEntity", "mainContentOfPage")
_HOLDING = (
    *_MAIN, "hasPart", "itemListElement", "item", "itemOffered", "blogPost", "blogPosts", "makesOffer",
    "hasOfferCatalog", "dataFeedElement", "subjectOf", "about", "offers",
)  # fmt: skip
"""Properties through which one thing shows another; by all others (publisher, brand …) it is only mentioned."""

_LISTING = frozenset(
    ("itemListElement", "item", "blogPost", "blogPosts", "dataFeedElement", "makesOffer", "itemOffered")
)
_MENTIONING = (
    "publisher", "author", "creator", "brand", "seller", "manufacturer", "hiringOrganization", "organizer", "provider",
    "sourceOrganization", "copyrightHolder", "affiliation", "worksFor", "parentOrganization", "sponsor", "offeredBy",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entity:
    """A thing of a kind that becomes a document.

    `declared`: the page says that this is its main entity. `listed`: it is a member of a list. `mentioned`: something
    else on the page names it as its publisher, author, brand or the like.
    """

    kind: str
    type_name: str
    syntax: str
    item: Item
    store: ItemStore
    declared: bool = False
    listed: bool = False
    mentioned: bool = False


def item_stores(page: Page) -> tuple[tuple[str, ItemStore], ...]:
    """What each syntax of the page holds, by its name."""
    return (
        ("jsonld", page.metadata.items),
        ("microdata", ItemStore(items=read_microdata(page.tree))),
        ("rdfa", ItemStore(items=read_rdfa(page.tree))),
    )


def find_entities(page: Page) -> list[Entity]:
    """The things that stand by themselves, in lists, or as a page's main entity; at most 1,000."""
    return [entity for syntax, store in item_stores(page) for entity in _of_store(syntax, store)][:_MAX_ENTITIES]


def kind_of(item: Item) -> tuple[str, str] | None:
    """The kind of document that a thing becomes, and the type that says so."""
    for name in sorted(types_of(item)):
        lower = name.lower()
        if kind := _KINDS.get(lower) or next((kind for end, kind in _KIND_SUFFIXES if lower.endswith(end)), None):
            return kind, name
    return None


def _of_store(syntax: str, store: ItemStore) -> Iterator[Entity]:
    if not store.top:
        return
    mentioned = {id(found) for item in store.walk() for name in _MENTIONING for found in _items(store, item.get(name))}
    declared = {
        id(found) for top in store.top if _is_page(top) for name in _MAIN for found in _items(store, top.get(name))
    }
    for item, listed in _shown(store):
        if (kind := kind_of(item)) is not None:
            yield Entity(*kind, syntax, item, store, id(item) in declared, listed, id(item) in mentioned)


def _shown(store: ItemStore) -> Iterator[tuple[Item, bool]]:
    """Every item that is shown, each once, and whether it is a member of a list."""
    stack = [(item, False) for item in reversed(store.top)]
    seen: set[int] = set()
    while stack and len(seen) < _MAX_WALKED:
        item, listed = stack.pop()
        full = store.resolve(item)
        item = full if isinstance(full, dict) else item
        if id(item) in seen:
            continue
        seen.add(id(item))
        yield item, listed
        for name in reversed(_HOLDING):
            stack += [(child, listed or name in _LISTING) for child in reversed(_items(store, item.get(name)))]


def _items(store: ItemStore, value: Json) -> list[Item]:
    members = value if isinstance(value, list) else [value]
    return [found for member in members if isinstance(found := store.resolve(member), dict)]


def _is_page(item: Item) -> bool:
    return any(name.lower() in _PAGES for name in types_of(item))
