"""Words for an invented economy: countries with real currencies, and what people and businesses there are called."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Country:
    """A country: its currency's ISO 4217 code, tokens in one unit of it, regions with their cities, and names.

    First names of women and men take turns, women first. A surname with two forms is written "his/hers".
    """

    name: str
    code: str
    amount_divisor: int
    regions: tuple[tuple[str, tuple[str, ...]], ...]
    first_names: tuple[str, ...]
    surnames: tuple[str, ...]


COUNTRIES = (
    Country(
        "Bulgaria",
        "BGN",
        100,
        (
            ("Shopluk", ("Sofia", "Pernik", "Samokov")),
            ("Thrace", ("Plovdiv", "Stara Zagora", "Haskovo")),
            ("Black Sea Coast", ("Varna", "Burgas", "Sozopol")),
        ),
        ("Anna", "Ivan", "Maria", "Georgi", "Elena", "Dimitar", "Kalina", "Petar", "Rada", "Stoyan"),
        (
            "Petrov/Petrova",
            "Dimitrov/Dimitrova",
            "Ivanov/Ivanova",
            "Georgiev/Georgieva",
            "Todorov/Todorova",
            "Nikolov/Nikolova",
            "Stoyanov/Stoyanova",
            "Kolev/Koleva",
        ),
    ),
    Country(
        "Poland",
        "PLN",
        100,
        (
            ("Mazovia", ("Warsaw", "Radom", "Plock")),
            ("Lesser Poland", ("Krakow", "Tarnow", "Zakopane")),
            ("Pomerania", ("Gdansk", "Gdynia", "Sopot")),
        ),
        ("Agnieszka", "Piotr", "Katarzyna", "Tomasz", "Zofia", "Marek", "Ewa", "Jakub", "Hanna", "Pawel"),
        (
            "Nowak",
            "Kowalski/Kowalska",
            "Wisniewski/Wisniewska",
            "Zielinski/Zielinska",
            "Kaminski/Kaminska",
            "Lewandowski/Lewandowska",
            "Mazur",
            "Krawczyk",
        ),
    ),
    Country(
        "Czechia",
        "CZK",
        100,
        (
            ("Bohemia", ("Prague", "Pilsen", "Liberec")),
            ("Moravia", ("Brno", "Olomouc", "Zlin")),
            ("Silesia", ("Ostrava", "Opava", "Karvina")),
        ),
        ("Jana", "Petr", "Lucie", "Tomas", "Tereza", "Martin", "Hana", "Ondrej", "Veronika", "Jiri"),
        (
            "Novak/Novakova",
            "Svoboda/Svobodova",
            "Dvorak/Dvorakova",
            "Cerny/Cerna",
            "Prochazka/Prochazkova",
            "Kucera/Kucerova",
            "Vesely/Vesela",
            "Horak/Horakova",
        ),
    ),
    Country(
        "Hungary",
        "HUF",
        1,
        (
            ("Transdanubia", ("Gyor", "Pecs", "Szombathely")),
            ("Great Plain", ("Debrecen", "Szeged", "Kecskemet")),
            ("Danube Bend", ("Budapest", "Esztergom", "Vac")),
        ),
        ("Eszter", "Laszlo", "Katalin", "Gabor", "Zsofia", "Istvan", "Reka", "Balazs", "Agnes", "Bence"),
        ("Nagy", "Kovacs", "Toth", "Szabo", "Horvath", "Varga", "Kiss", "Molnar", "Farkas"),
    ),
    Country(
        "Sweden",
        "SEK",
        100,
        (
            ("Svealand", ("Stockholm", "Uppsala", "Falun")),
            ("Gotaland", ("Gothenburg", "Malmo", "Lund")),
            ("Norrland", ("Umea", "Lulea", "Kiruna")),
        ),
        ("Astrid", "Erik", "Ingrid", "Lars", "Maja", "Oskar", "Elsa", "Nils", "Karin", "Gustav"),
        ("Andersson", "Lindqvist", "Johansson", "Bergstrom", "Nilsson", "Ekman", "Lundgren", "Sandberg"),
    ),
    Country(
        "Switzerland",
        "CHF",
        100,
        (
            ("Romandy", ("Geneva", "Lausanne", "Sion")),
            ("Ticino", ("Lugano", "Locarno", "Bellinzona")),
            ("Mittelland", ("Zurich", "Bern", "Lucerne")),
        ),
        ("Lea", "Luca", "Nina", "Reto", "Chiara", "Beat", "Sophie", "Urs", "Laura", "Matteo"),
        ("Keller", "Baumann", "Rossi", "Favre", "Meier", "Bianchi", "Steiner", "Rochat", "Frei"),
    ),
    Country(
        "United Kingdom",
        "GBP",
        100,
        (
            ("Scotland", ("Edinburgh", "Glasgow", "Inverness")),
            ("Wales", ("Cardiff", "Swansea", "Bangor")),
            ("Cornwall", ("Truro", "Falmouth", "Penzance")),
        ),
        ("Emily", "James", "Fiona", "Rhys", "Olivia", "Hamish", "Megan", "George", "Isla", "Harry"),
        ("Campbell", "Evans", "Stewart", "Hughes", "Wright", "Fraser", "Morgan", "Clarke", "Trelawny"),
    ),
    Country(
        "Denmark",
        "DKK",
        100,
        (
            ("Jutland", ("Aarhus", "Aalborg", "Esbjerg")),
            ("Zealand", ("Copenhagen", "Roskilde", "Elsinore")),
            ("Funen", ("Odense", "Svendborg", "Nyborg")),
        ),
        ("Freja", "Mads", "Ida", "Rasmus", "Clara", "Jens", "Signe", "Anders", "Mette", "Soren"),
        ("Jensen", "Nielsen", "Hansen", "Moller", "Kristensen", "Holm", "Lund", "Dahl", "Bruun"),
    ),
    Country(
        "Romania",
        "RON",
        100,
        (
            ("Transylvania", ("Cluj", "Brasov", "Sibiu")),
            ("Wallachia", ("Bucharest", "Ploiesti", "Craiova")),
            ("Moldavia", ("Iasi", "Bacau", "Suceava")),
        ),
        ("Ioana", "Andrei", "Elena", "Mihai", "Alina", "Radu", "Diana", "Vlad", "Simona", "Cristian"),
        ("Popescu", "Ionescu", "Dumitru", "Stan", "Radu", "Marin", "Lazar", "Munteanu", "Ungureanu"),
    ),
    Country(
        "Japan",
        "JPY",
        1,
        (
            ("Kansai", ("Osaka", "Kyoto", "Kobe")),
            ("Kanto", ("Tokyo", "Yokohama", "Chiba")),
            ("Kyushu", ("Fukuoka", "Nagasaki", "Kumamoto")),
        ),
        ("Yuki", "Haruto", "Sakura", "Ren", "Aoi", "Kenji", "Mei", "Takumi", "Hana", "Sota"),
        ("Tanaka", "Suzuki", "Takahashi", "Watanabe", "Ito", "Yamamoto", "Kobayashi", "Mori", "Ishii"),
    ),
)

CURRENCY_NAMES = {
    "BGN": "Bulgarian lev",
    "PLN": "Polish zloty",
    "CZK": "Czech koruna",
    "HUF": "Hungarian forint",
    "SEK": "Swedish krona",
    "CHF": "Swiss franc",
    "GBP": "Pound sterling",
    "DKK": "Danish krone",
    "RON": "Romanian leu",
    "JPY": "Japanese yen",
}

# Businesses that are called after their owner, or after their city.
TRADES_OF_OWNERS = (
    "Dental Clinic",
    "Law Office",
    "Accounting",
    "Pharmacy",
    "Joinery",
    "Farm",
    "Printing House",
    "Optics",
    "Music School",
    "Veterinary Clinic",
    "Electrical Works",
    "Tailors",
    "Plumbing",
    "Vineyard",
    "Translations",
)
TRADES_OF_CITIES = (
    "Bakery",
    "Grand Hotel",
    "Bike Repair",
    "Flower Shop",
    "Brewery",
    "Bookshop",
    "Language School",
    "Solar Cooperative",
    "Dairy",
    "Taxi",
    "Cinema",
    "Market Hall",
    "Steel Works",
    "Coffee House",
    "Software Works",
)
COMPANY_CURRENCIES = ("Points", "Vouchers", "Bonus", "Stamps", "Credits", "Miles")
REGIONAL_UNITS = ("Thaler", "Regio", "Crown", "Florin", "Mark", "Hour")
CITY_UNITS = ("Penny", "Bon", "Groat", "Ducat", "Token", "Shilling")
