"""Words that the generated datasets draw from: names, places, things. Knows no dataset."""

from __future__ import annotations

_NAMES = (
    "Ada Ben Carla Dimitri Elif Farid Greta Hugo Ines Jun Kamala Leo Mira Nils Olga Pablo Quinn "
    "Rosa Samir Tess Uma Viktor Wanda Ximena Yusuf Zoe Anton Bianca Cyril Dora Emil Fatima Gustav "
    "Hana Ivan Jasmin Karim Lotte Marco Nadia Oskar Priya Ravi Selma Theo Ursula Vera Walter Yara "
    "Arjun Celine Diego Freya Iker Joanna Kofi Lena Mateo Noor Petra Ruben Sofia Tomas"
)
NAMES = tuple(_NAMES.split())
_CITIES = (
    "Oslo Lima Kyoto Athens Ankara Tunis Malmo Porto Quito Busan Lisbon Dublin Prague Riga Turin "
    "Seville Krakow Bergen Lyon Ghent Basel Tallinn Zagreb Valencia Bremen Graz Split Cork Leeds "
    "Toronto Montreal Denver Austin Boston Perth Hobart Nairobi Accra Dakar Hanoi"
)
CITIES = tuple(_CITIES.split())
PETS = (
    "tortoise", "parrot", "greyhound", "rabbit", "kitten", "beagle", "ferret", "canary", "poodle",
    "hedgehog", "terrier", "chinchilla", "gecko", "cockatoo", "spaniel", "hamster",
)  # fmt: skip
INSTRUMENTS = (
    "cello", "clarinet", "harp", "oboe", "accordion", "banjo", "trombone", "mandolin", "saxophone",
    "violin", "flute", "ukulele", "bassoon", "trumpet", "piano", "viola",
)  # fmt: skip
DRINKS = (
    "mint tea", "cocoa", "espresso", "ginger ale", "lemonade", "chai", "apple juice", "oat latte",
    "rooibos", "tomato juice", "green tea", "hot chocolate", "iced coffee", "buttermilk",
)  # fmt: skip
