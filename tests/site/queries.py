"""Search queries over the crawled site, with the page that a reader expects first. They hold without `--pages`."""

from __future__ import annotations

from dataclasses import dataclass

_EN, _ES = "/articles/", "/es/articulos/"


@dataclass(frozen=True, slots=True)
class Query:
    """A query; `first` is the path of the first hit, `absent` are paths that no hit may have; `about` says why."""

    text: str
    first: str
    about: str
    absent: tuple[str, ...] = ()

    @property
    def phrase(self) -> str:
        """The words in quotation marks, if there are any."""
        return self.text.split('"')[1] if '"' in self.text else ""


QUERIES = (
    Query("sourdough starter", f"{_EN}eleven-hours-in-the-life-of-a-sourdough.html", "two words"),
    Query("fresnel lens mercury", f"{_EN}the-lens-that-floats-on-quicksilver.html", "three words"),
    Query('"counter for every bat"', f"{_EN}counting-horseshoe-bats-at-dusk.html", "phrase"),
    Query('"red ochre rubbed"', f"{_EN}how-to-dress-a-pair-of-french-millstones.html", "phrase"),
    Query("millstone dressed", f"{_EN}how-to-dress-a-pair-of-french-millstones.html", "stemming: millstones, dress"),
    Query("swarms settling", f"{_EN}a-swarm-settles-in-the-post-office.html", "stemming: swarm, settles"),
    Query("umbrellas mended", f"{_EN}the-umbrella-mender-of-the-saturday-market.html", "stemming: umbrella, mends"),
    Query(
        "silverfish leather conservator",
        f"{_EN}a-night-shift-among-the-stacks.html",
        "a page with duplicates, found once",
        absent=("/amp/a-night-shift-among-the-stacks.html", "/print/a-night-shift-among-the-stacks.html"),
    ),
    Query(
        "comet -lecture",
        f"{_EN}the-comet-that-arrived-on-a-wednesday.html",
        "negation",
        absent=("/events/comet-lecture.html",),
    ),
    Query("compost worms", f"{_EN}compost-is-a-slow-fire.html", "two words"),
    Query("peat pollen microscope", f"{_EN}ten-thousand-years-in-a-metre-long-core.html", "three words"),
    Query("Edwin Pask", f"{_EN}the-postman-who-rode-around-the-world-in.html", "a name"),
    Query("springs neaps ebb datum", "/files/tide-tables.pdf", "words of the PDF"),
    Query("hawk moths lamp", "/events/", "one of several events of a page"),
    Query("azafrán pimentón", f"{_ES}especias-al-peso.html", "Spanish, with accents"),
    Query("azafran canela", f"{_ES}especias-al-peso.html", "Spanish, an accent left out"),
    Query("mastines lobos", f"{_ES}los-mastines-y-el-lobo.html", "Spanish stemming: mastín, lobo"),
    Query('"guitarra empieza veinte años"', f"{_ES}la-madera-que-espera-veinte-anos.html", "Spanish phrase"),
    Query(
        "cueva -quesos manos",
        f"{_ES}manos-pintadas-en-la-oscuridad.html",
        "Spanish, negation",
        absent=(f"{_ES}quesos-en-la-boca-de-la-cueva.html",),
    ),
)
