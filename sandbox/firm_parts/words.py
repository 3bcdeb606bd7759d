"""The words that the firm's names are made of. All invented."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST_NAMES = {
    "DE01": _words(
        "Anja Bernd Carla Daniel Elif Felix Greta Hannes Ines Jonas Katrin Lukas Meike Nils Oliver Petra Ronja Stefan "
        "Tamara Uwe Vera Wolf Yasmin Zoran Britta Emil Frieda Gustav Henrike Ilja Jule Kai"
    ),
    "US01": _words(
        "Abigail Brandon Camila Derek Elena Franklin Grace Hector Imani Jasper Keisha Logan Maria Nathan Olivia Parker "
        "Quinn Rachel Samuel Tiana Ulises Violet Wesley Ximena Yolanda Zachary Bianca Caleb Dahlia Ezra"
    ),
}
LAST_NAMES = {
    "DE01": _words(
        "Albrecht Brandt Dietrich Ebert Falk Gerlach Hartwig Imhof Jansen Kessler Lorenz Metzger Neumann Oswald Pohl "
        "Reuter Seidel Thoma Ullrich Vogt Wendt Yildiz Ziegler Aksoy Behrens Cramer Dorn"
    ),
    "US01": _words(
        "Alvarez Bennett Chambers Delgado Ellison Foster Grayson Hollis Ingram Jefferson Kowalski Langley Mercer Nolan "
        "Okafor Prescott Ramsey Sandoval Turner Underhill Vasquez Whitfield Yates Zimmer"
    ),
}
CLIENT_HEADS = {
    "DE01": _words(
        "Nordhafen Rheintal Alster Falken Lindau Saale Isar Havel Weser Taunus Spree Eifel Allgau Harz Fulda Mosel "
        "Neckar Elbtal Kiefern Birken Granit Kobalt Bernstein Hansea Voss"
    ),
    "US01": _words(
        "Cedar Harbor Summit Prairie Granite Bluewater Redwood Lakeview Ironwood Pinnacle Keystone Magnolia Sagebrush "
        "Copperline Fairmont Evergreen Riverbend Stonegate Clearfork Northgate"
    ),
}
CLIENT_TAILS = {
    "DE01": _words("Logistik Maschinenbau Energie Pharma Versicherung Handel Medien Chemie Bau Mobil Labor Werke"),
    "US01": _words("Logistics Health Energy Foods Insurance Retail Media Materials Biotech Mobility Labs Utilities"),
}
LEGAL_FORMS = {"DE01": ("GmbH", "AG", "SE"), "US01": ("Inc.", "LLC", "Corp.")}
COUNTRIES = {"DE01": ("DE", "DE", "DE", "DE", "AT", "CH", "NL", "FR"), "US01": ("US", "US", "US", "US", "CA")}
INDUSTRIES = ("Manufacturing", "Energy", "Health", "Insurance", "Retail", "Media", "Logistics", "Chemicals")
PRACTICES = ("Strategy", "Engineering", "Managed Services")
TOPICS = {
    "strategy": ("operating model", "market entry", "cost programme", "pricing review", "merger readiness"),
    "engineering": (
        "data platform",
        "order portal",
        "warehouse migration",
        "claims workflow",
        "sensor gateway",
    ),
    "managed": ("platform care", "release service", "analytics desk", "integration watch"),
    "licences": ("licence bundle", "subscription renewal", "seat extension"),
}
NOTES = (
    "Workshop",
    "Analysis",
    "Build",
    "Review with client",
    "Tests",
    "Roll-out",
    "Planning",
    "Documentation",
)
INTERNAL_NOTES = ("Training", "Presales", "Internal meeting", "Knowledge base", "Recruiting")
REASONS = ("Extra scope", "More hours agreed", "Cap raised by the client", "Second phase added")
