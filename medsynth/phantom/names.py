"""Made-up names and places to plant in headers.

All are invented and unusual, so that a search for them in other files finds
leaks and nothing else.
"""

FAMILY_NAMES = (
    "Zwickelmoser",
    "Brünnlhuber",
    "Okonweiler",
    "Tannhagedorn",
    "Quittenbaum",
    "Vesperkamp",
    "Löwenstrunk",
    "Mirabelski",
    "Haferstroh-Wendt",
    "Pfingstlacher",
    "Drosselvogt",
    "Kirschbuhl",
    "Weizenecker",
    "Ahornthaler",
    "Schlehenbusch",
    "Grünspechtler",
    "Thistlebrook",
    "Wrenfordham",
    "Abernethwaite",
    "Larkspurton",
    "Hollowmere",
    "Quillfeather",
    "Brambleworth",
    "Ockendenham",
    "Marlinspyke",
    "Fernhollis",
    "Gorsebridge",
    "Whinfellow",
    "Tamarindale",
    "Pennywhistler",
    "Cobblethorpe",
    "Sedgemorton",
)
FEMALE_NAMES = (
    "Adelgundis",
    "Kunigundea",
    "Walburgina",
    "Philomenia",
    "Rosamundel",
    "Theodelinde",
    "Clementissa",
    "Wilhelmgard",
    "Araminthea",
    "Eugenietta",
    "Seraphinella",
    "Hildegundis",
)
MALE_NAMES = (
    "Ottokarius",
    "Leberechtus",
    "Bartholomund",
    "Eusebiander",
    "Thaddäusz",
    "Ferdinandor",
    "Archibaldus",
    "Peregrinald",
    "Gottliebert",
    "Maximilianus",
    "Ambrosander",
    "Sigismundor",
)
INSTITUTIONS = (
    "Universitätsklinikum Sankt Wendelstein",
    "Thornbury Vale Community Hospital",
    "Röntgenpraxis am Drachenbrunnen",
    "Eastwick Marsh Imaging Centre",
)
ADDRESSES = (
    "Lindwurmgasse 17, 99997 Wendelstein",
    "4 Copperkettle Lane, Thornbury Vale TV9 9ZZ",
    "Drachenbrunnen 3, 99998 Moosgraben",
    "88 Heronsgate Quay, Eastwick Marsh EM9 9ZY",
)
STREETS = (
    "Haselnussweg",
    "Krähenwinkel",
    "Buttercup Mews",
    "Glockengiesserstieg",
    "Saltmarsh Crescent",
    "Nebelhornpfad",
)
AGENTS = ("Ultravist 370", "Imeron 350", "Omnipaque 300", "Iomeron 400")
