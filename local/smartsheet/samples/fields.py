"""What research proposals of ten fields talk about."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ResearchField:
    """The words of one field. Every list offers alternatives for one place in a text."""

    name: str
    objects: list[str]
    problems: list[str]
    methods: list[str]
    materials: list[str]
    places: list[str]
    users: list[str]
    outcomes: list[str]
    risks: list[str]


FIELDS = [
    ResearchField(
        "Coastal ecology",
        ["seagrass meadows", "intertidal mussel beds", "saltmarsh edges", "kelp forests", "oyster reefs"],
        [
            "are retreating faster than restoration projects can replant them",
            "recover after storms in some bays and vanish in others, and nobody can say why",
            "store carbon that national inventories still estimate by a single default value",
            "change their species within a decade of a new breakwater being built",
        ],
        [
            "repeated drone surveys",
            "environmental DNA from sediment cores",
            "tagged transplant plots",
            "acoustic mapping",
        ],
        ["a 40-year photographic archive", "tide gauge records", "monthly water samples", "fishers' logbooks"],
        ["the Wadden Sea", "Galicia", "the Firth of Clyde", "Limfjorden", "the Venice lagoon"],
        ["port authorities", "shellfish growers", "coastal municipalities", "nature reserve wardens"],
        [
            "a map of sites where planting pays",
            "a warning sign for tipping points",
            "a carbon figure that auditors accept",
        ],
        ["a storm may destroy the plots", "permits for marine work come late", "boat time depends on weather"],
    ),
    ResearchField(
        "Antimicrobial resistance",
        ["hospital drains", "urinary tract infections in care homes", "livestock transport lorries", "neonatal wards"],
        [
            "harbour resistant strains that survive routine disinfection",
            "are treated before a laboratory result is available, mostly with the wrong drug",
            "exchange plasmids across species at rates that models do not reproduce",
            "see outbreaks that are recognised only when the third patient is ill",
        ],
        [
            "long-read sequencing at the bedside",
            "phage susceptibility tests",
            "wastewater metagenomics",
            "a stepped-wedge trial",
        ],
        ["isolates of six hospitals", "prescription records", "weekly swabs", "a biobank of 11,000 strains"],
        ["Kraków", "Lisbon", "the Basel region", "Northern Ireland", "Thessaloniki"],
        ["infection control teams", "general practitioners", "veterinary services", "pharmacies"],
        ["an early-warning score", "a prescribing rule that nurses can apply", "an open catalogue of plasmids"],
        [
            "consent of residents with dementia needs care",
            "sequencing costs may rise",
            "wards may close during the study",
        ],
    ),
    ResearchField(
        "Battery materials",
        ["sodium-ion cathodes", "solid electrolytes", "silicon anodes", "recycled graphite", "zinc-air cells"],
        [
            "lose capacity in the first hundred cycles for reasons that differ between laboratories",
            "crack at the interface as soon as pressure is released",
            "need a supply of metals that two countries control",
            "are judged by coin cells, which say little about a pouch cell in a vehicle",
        ],
        [
            "operando neutron diffraction",
            "acoustic emission during cycling",
            "machine-guided synthesis",
            "isotope tracing",
        ],
        [
            "twelve commercial powders",
            "dismantled vehicle packs",
            "a shared set of reference cells",
            "beamtime at two sources",
        ],
        ["Uppsala", "Grenoble", "Münster", "Warwick", "Ljubljana"],
        ["cell manufacturers", "recyclers", "grid operators", "standards bodies"],
        ["a failure atlas", "a test that takes two days instead of six months", "a cathode without cobalt and nickel"],
        ["beamtime may be refused", "powders age during transport", "the partner's pilot line is booked until spring"],
    ),
    ResearchField(
        "Urban heat",
        ["courtyard blocks", "tram corridors", "school playgrounds", "social housing towers", "hospital rooftops"],
        [
            "stay above 26 degrees through the night although the official station is cool",
            "are shaded on paper, while the trees planted five years ago have died",
            "are retrofitted for winter and become unbearable in July",
            "show the highest call-outs of ambulances, yet lie outside the heat plan",
        ],
        [
            "bicycle transects with fast sensors",
            "indoor loggers lent to tenants",
            "large-eddy simulation",
            "thermal flights",
        ],
        ["three summers of ambulance records", "cadastral data", "tenants' diaries", "street tree registers"],
        ["Vienna", "Zaragoza", "Lyon", "Bologna", "Rotterdam"],
        ["city planners", "housing associations", "public health offices", "school caretakers"],
        ["a ranking of streets by benefit per tree", "a cheap retrofit kit", "a heat plan that names buildings"],
        ["loggers get lost", "a cool summer would shorten the data", "tenants may move out"],
    ),
    ResearchField(
        "Medieval archives",
        ["guild account books", "monastic letter collections", "notarial registers", "harbour toll rolls"],
        [
            "lie uncatalogued because their abbreviations defeat reading software",
            "were cut up as binding waste and are scattered over nine libraries",
            "record women's trade under the names of husbands and sons",
            "have been edited selectively, so that two centuries look quieter than they were",
        ],
        [
            "multispectral imaging",
            "handwriting models trained on small samples",
            "network analysis",
            "parchment proteomics",
        ],
        ["4,300 parchment leaves", "digitised microfilm", "nineteenth-century transcripts", "seal impressions"],
        ["Lübeck", "Bruges", "Dubrovnik", "Siena", "Tallinn"],
        ["archivists", "local historians", "school teachers", "museum curators"],
        ["a searchable edition", "a prosopography of 6,000 persons", "a reading model that others may reuse"],
        ["a library may withdraw images", "leaves may be too fragile to unfold", "palaeographers are scarce"],
    ),
    ResearchField(
        "Childhood asthma",
        ["night-time symptoms", "school absence", "inhaler technique", "flare-ups after infections", "damp homes"],
        [
            "are under-reported by families who have learned to live with them",
            "predict hospital admission better than lung function, but nobody collects them",
            "improve after a training session and are forgotten within eight weeks",
            "cluster in streets where rents are low and repairs are slow",
        ],
        ["smart inhaler caps", "parent-held acoustic recording", "a cluster-randomised trial", "home visits by nurses"],
        ["electronic records of 52 practices", "pollen counts", "dust samples", "interviews with 120 families"],
        ["Glasgow", "Porto", "the Ruhr area", "Malmö", "Bratislava"],
        ["school nurses", "paediatric clinics", "housing officers", "parents' groups"],
        ["a two-question screening card", "a repair order that a doctor can trigger", "a training that lasts"],
        ["families may drop out", "devices need charging", "a mild winter lowers the event rate"],
    ),
    ResearchField(
        "Quantum sensing",
        ["diamond magnetometers", "atomic gravimeters", "optical lattice clocks", "spin-squeezed ensembles"],
        [
            "reach their best sensitivity only in shielded basements",
            "drift with temperature in ways that calibration cannot follow in the field",
            "are operated by the people who built them and by nobody else",
            "have never been compared side by side on the same target",
        ],
        [
            "feedback from a second sensor species",
            "field campaigns on a survey van",
            "machine learning on raw traces",
            "3D-printed vacuum cells",
        ],
        ["two commercial instruments", "a reference pillar network", "borehole logs", "recordings of urban noise"],
        ["Braunschweig", "Florence", "Birmingham", "Turku", "Neuchâtel"],
        ["geological surveys", "tunnel builders", "hospitals with magnetoencephalography", "utilities"],
        ["a portable unit that a technician can run", "an open noise library", "a comparison that buyers can trust"],
        ["laser parts have long delivery times", "traffic noise may dominate", "export rules cover some parts"],
    ),
    ResearchField(
        "Language revitalisation",
        ["village choirs", "bilingual nurseries", "oral history recordings", "dialect theatre", "digital keyboards"],
        [
            "keep words alive that no dictionary has, and no speaker under sixty uses",
            "are praised in policy papers and closed when a single teacher retires",
            "lie on cassettes that will be unreadable within ten years",
            "reach learners in the city but not the families who still speak the language at home",
        ],
        [
            "speech recognition for small corpora",
            "participatory dictionaries",
            "classroom ethnography",
            "story circles",
        ],
        ["900 hours of tape", "parish registers", "children's drawings with captions", "radio broadcasts"],
        ["the Faroe Islands", "Friuli", "Brittany", "the Sámi areas of Finland", "Lusatia"],
        ["community schools", "broadcasters", "cultural associations", "grandparents"],
        ["a speech model owned by the community", "teaching material for three years", "a living dictionary"],
        ["key speakers are over eighty", "trust must be earned slowly", "spelling is disputed"],
    ),
    ResearchField(
        "Soil carbon",
        ["no-till fields", "drained peat soils", "vineyard terraces", "alpine pastures", "urban allotments"],
        [
            "gain carbon in the top hand's breadth and lose it below, which schemes do not measure",
            "emit more after rewetting than before, for a few years at least",
            "are paid for promises that nobody can verify at a bearable price",
            "lose in one dry summer what they gained in a decade",
        ],
        ["paired deep cores", "eddy covariance towers", "mid-infrared spectroscopy", "farmer-led trials"],
        ["soil archives from 1978", "satellite time series", "yield records", "earthworm counts"],
        ["the Jura", "Brandenburg", "County Mayo", "Alentejo", "Zealand"],
        ["farm advisers", "carbon market registries", "cooperatives", "water boards"],
        [
            "a sampling plan at a third of the cost",
            "a correction for depth",
            "a contract template that is fair to tenants",
        ],
        ["drought may mask treatment effects", "tenancies may end", "deep coring is slow in stony ground"],
    ),
    ResearchField(
        "Migration and work",
        [
            "seasonal harvest crews",
            "care workers living in",
            "platform couriers",
            "returning engineers",
            "night cleaners",
        ],
        [
            "appear in no labour statistics because their contracts are shorter than the survey period",
            "hold diplomas that three offices assess in three different ways",
            "send money home through channels that cost a tenth of the amount",
            "leave the sector within two years, though employers invest in their language courses",
        ],
        [
            "respondent-driven sampling",
            "linked tax and residence records",
            "diaries on the telephone",
            "legal case analysis",
        ],
        ["court files", "interviews in nine languages", "remittance price lists", "employer panels"],
        ["Almería", "Antwerp", "Chișinău", "Leicester", "Tyrol"],
        ["labour inspectorates", "trade unions", "city welcome centres", "consulates"],
        [
            "an estimate of hidden employment",
            "a guide to recognition of diplomas",
            "evidence for a bilateral agreement",
        ],
        ["informants need protection", "access to linked records takes a year", "rules may change during the study"],
    ),
]
