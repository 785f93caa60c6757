"""A recipe: what goes in, what is done, how long it takes, what comes out.

Comes in: a `Recipe` (schema.org); goes out: a `Reading` with its fields. Called by `structured`.
"""

from __future__ import annotations

from tidemill.models.document import Json
from tidemill.process.extract.jsonld import Item
from tidemill.process.extract.typed.product import read_rating
from tidemill.process.extract.typed.reading import Reading
from tidemill.process.extract.typed.values import duration_of, line_of, lines_of, minutes_of, slug_of

_TIMES = {"prep": "prepTime", "cook": "cookTime", "total": "totalTime"}
_MAX_STEPS = 300
_MAX_DEPTH = 6


def read_recipe(reading: Reading) -> None:
    """Puts the fields of a recipe."""
    reading.text("title", "name", "headline")
    reading.describe("description")
    reading.image("image")
    reading.author("author")
    reading.time("published_at", "datePublished")
    reading.time("modified_at", "dateModified")
    reading.tag("keywords")
    reading.put("name", reading.texts.get("title"), "name")
    for path in ("recipeIngredient", "ingredients"):
        reading.put("ingredients", _ingredients(reading.at(path)), path)
    reading.put("instructions", _steps(reading, reading.at("recipeInstructions"))[:_MAX_STEPS], "recipeInstructions")
    for name, path in _TIMES.items():
        reading.first(f"{name}_minutes", minutes_of, path)
        minutes = reading.fields.get(f"{name}_minutes")
        reading.put(f"{name}_time", duration_of(minutes) if isinstance(minutes, int) else None, path)
    _read_yield(reading)
    reading.put("nutrition", _nutrition(reading), "nutrition")
    reading.joined("cuisine", "recipeCuisine")
    reading.joined("category", "recipeCategory")
    reading.joined("cooking_method", "cookingMethod")
    diets = [slug.removesuffix("_diet") for value in reading.at("suitableForDiet") if (slug := slug_of(value))]
    reading.put("diet", ", ".join(dict.fromkeys(diets)) or None, "suitableForDiet")
    read_rating(reading)
    reading.url("url", "url")


def _ingredients(values: list[Json]) -> list[Json]:
    lines = [line for value in values for line in (lines_of(value) if isinstance(value, str) else [line_of(value)])]
    return [line for line in lines if line]


def _steps(reading: Reading, values: list[Json], depth: int = 0) -> list[Json]:
    """The steps in their order; those of sections one after the other."""
    steps: list[Json] = []
    for value in values if depth < _MAX_DEPTH else ():
        if isinstance(value, dict):
            parts = reading.at("itemListElement", value) or reading.at("steps", value)
            text = value.get("text") or (value.get("name") if not parts else None) or value.get("description")
            is_step = bool(value.get("text"))
            steps += lines_of(text) if is_step or not parts else _steps(reading, parts, depth + 1)
        else:
            steps += lines_of(value)
    return steps


def _read_yield(reading: Reading) -> None:
    """What comes out; of several writings the one that says of what (`12 muffins` rather than `12`)."""
    for path in ("recipeYield", "yield"):
        given = [
            str(int(value)) if isinstance(value, float) and value.is_integer() else line_of(value)
            for value in reading.at(path)
        ]
        said = [line for line in given if line]
        reading.put("yield", next((line for line in said if not line.isdecimal()), said[0] if said else None), path)


def _nutrition(reading: Reading) -> Json:
    """The nutrients by their names: `calories`, `fat`, `protein`, `serving_size` …"""
    found: dict[str, Json] = {}
    for value in reading.at("nutrition"):
        members: Item = value if isinstance(value, dict) else {}
        for name, amount in members.items():
            slug, line = slug_of(name.removesuffix("Content")), line_of(amount)
            if not name.startswith("@") and slug and line:
                found.setdefault(slug, line)
    return found
