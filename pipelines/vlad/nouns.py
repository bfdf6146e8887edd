"""Word tables of the prompt reader: what nouns, colours, letterings, places and small words mean.

Everything here is lower case. Keys of several words are written with single spaces; hyphens in a prompt count as
spaces.
"""

from __future__ import annotations

from pipelines.colours import COLOURS, RGB


def _words(text: str) -> tuple[str, ...]:
    """Entries separated by "|", or by white space where there is no "|"."""
    return tuple(" ".join(w.split()) for w in text.split("|")) if "|" in text else tuple(text.split())


# ---- panels: flat surfaces that carry text, by shape

PANELS: dict[str, str] = {
    noun: shape
    for shape, nouns in {
        "circle": "badge | round badge | emblem | button badge | pin badge | button | round sticker | round label | "
        "round sign | round road sign | speed limit sign | speed sign | name badge | patch | coaster | rosette badge",
        "burst": "starburst | sale burst | price burst | sale sticker | starburst sticker | price sticker | sale badge",
        "octagon": "stop sign | octagonal road sign | octagonal sign | octagon sign | halt sign",
        "diamond": "warning sign | diamond warning sign | diamond sign | caution sign | hazard sign",
        "ticket": "ticket | event ticket | concert ticket | admission ticket | cinema ticket | movie ticket | raffle "
        "ticket | coupon | voucher | gift voucher | boarding pass",
        "ribbon": "banner | ribbon banner | sale banner | celebration banner | web banner | party banner | "
        "welcome banner "
        "| birthday banner | ribbon | scroll banner",
        "speech": "speech bubble | speech balloon | thought bubble | thought balloon | chat bubble | "
        "text bubble | word "
        "bubble | talking bubble | dialogue bubble",
        "sign": "sign | storefront | store front | shop front | shopfront | storefront sign | shop sign | store sign | "
        "hanging shop sign | hanging sign | signboard | sign board | signpost | road sign | street sign | "
        "motorway sign | "
        "highway sign | tourist sign | information sign | info sign | traffic sign | wooden sign | door sign | "
        "wall sign | "
        "yard sign | shop window | marquee | marquee sign | cafe sign | bar sign | license plate | "
        "licence plate | number "
        "plate | street name sign | traffic board | entrance sign | restaurant sign | awning",
        "note": "note | sticky note | post it note | post it | paper note | handwritten note | notebook page | "
        "page of a "
        "notebook | memo | piece of paper | sheet of paper | slip of paper | reminder note | to do list | "
        "shopping list",
        "book": "book | book cover | novel cover | children's book cover | childrens book cover | cover of a book | "
        "hardcover book | magazine cover | comic book cover | notebook cover | cookbook cover | textbook cover | "
        "novel | "
        "cookbook | textbook | diary cover | picture book cover | e book cover | ebook cover",
        "board": "board | chalkboard | chalkboard menu | chalk board | blackboard | whiteboard | menu board | "
        "notice board | "
        "billboard | score board | scoreboard | bulletin board | specials board | message board | sandwich board",
        "rounded": "sticker | label | label sticker | vinyl sticker | bumper sticker | name tag | price tag | "
        "gift tag | "
        "luggage tag | business card | visiting card | product label | bottle label | jar label | wine label | window "
        "sticker | laptop sticker | die cut sticker",
        # the picture itself, although a panel noun ends it
        "": "watercolor painting | watercolour painting | oil painting | digital painting | acrylic painting | "
        "thank you card | new baby card | baby card | baby shower invitation | baby shower card | "
        "heart card | get well "
        "soon card | photo booth | neon sign | neon lights sign | neon light sign | neon signs | comic panel | "
        "album cover | cover image | web "
        "banner ad | game cover | cd cover | dvd cover",
        "rect": "plaque | placard | certificate | diploma | stamp | postage stamp | nameplate | name plate | "
        "text panel | "
        "text box | newspaper | caption box",
    }.items()
    for noun in _words(nouns)
}

# Panels whose noun may as well be a pictured thing: they are panels only as the first noun of the prompt or with text.
DUAL_PANELS = frozenset(
    _words("book | ticket | label | newspaper | ribbon | button | stamp | patch | novel | price tag | gift tag | "
    "sheet of paper")
)  # fmt: skip

# ---- documents: the picture itself; no panel is drawn for them

DOCUMENT_HEADS = frozenset(
    _words("""
    poster posters flyer flier leaflet pamphlet brochure card cards postcard invitation invite logo logotype wallpaper
    meme cartoon comic illustration picture pic image photo photograph drawing painting sketch icon print graphic design
    artwork art cover advert advertisement ad list header thumbnail infographic menu typography lettering scene render
    rendering clipart portrait quote post story ecard announcement letterhead watercolor watercolour mockup typeface
    text album collage snapshot banner-ad layout emblem-logo composition view shot closeup screenshot
    """)
)

# ---- what a word of a text-bearing thing may be before "reading", "called" and the like

ORGANISATIONS = frozenset(
    _words("""
    shop store cafe café bakery restaurant bar pub hotel inn company startup start-up business brand firm agency studio
    band team club school university college gym salon diner brewery bistro deli market pizzeria festival event
    conference concert film movie book novel magazine newspaper podcast album song game app website product show
    boutique florist pharmacy bookshop bookstore library museum gallery garage winery roastery cinema theatre theater
    channel charity church farm clinic hospital bank barbershop launderette tavern workshop factory parlor parlour
    """)
)
THING_WORDS = frozenset(
    _words("""
    background backdrop theme themed pattern shape shaped print color colour colored coloured style styled flavor
    flavour flavored flavoured lover lovers fan fans day week month season party night festival sale class lesson
    course recipe time club tour trip show league race week address emoji face-paint number numbers play repair
    """)
)

# ---- colours

_SYNONYMS: dict[str, str] = {
    "navy": "navy blue", "midnight blue": "navy blue", "dark navy": "navy blue", "dark blue": "navy blue",
    "grey": "gray", "light grey": "light gray", "dark grey": "charcoal", "dark gray": "charcoal", "slate": "charcoal",
    "anthracite": "charcoal", "graphite": "charcoal", "burgundy": "maroon", "wine red": "maroon", "dark red": "maroon",
    "violet": "purple", "lilac": "lavender", "mauve": "lavender", "light purple": "lavender", "off white": "cream",
    "ivory": "cream", "eggshell": "cream", "golden": "gold", "lime": "lime green", "light green": "mint",
    "mint green": "mint", "aqua": "turquoise", "cyan": "turquoise", "fuchsia": "hot pink", "magenta": "hot pink",
    "neon pink": "hot pink", "pale blue": "light blue", "baby blue": "light blue", "baby pink": "light pink",
    "pale pink": "light pink", "pastel pink": "light pink", "pastel blue": "light blue", "pastel green": "mint",
    "forest green": "dark green", "bottle green": "dark green", "hunter green": "dark green", "sky": "sky blue",
    "azure": "sky blue", "skyblue": "sky blue", "deep purple": "dark purple", "chocolate brown": "brown",
    "royal blue": "blue", "cobalt blue": "blue", "cobalt": "blue", "light yellow": "cream", "olive green": "olive",
    "jet black": "black", "pure white": "white", "snow white": "white", "lemon yellow": "yellow",
}  # fmt: skip
_FURTHER: dict[str, RGB] = {
    "scarlet": (220, 36, 31), "crimson": (176, 20, 52), "ruby": (170, 22, 66), "brick red": (168, 62, 48),
    "salmon": (250, 142, 122), "rust": (176, 74, 34), "terracotta": (202, 104, 72), "copper": (184, 115, 51),
    "bronze": (160, 112, 48), "amber": (255, 191, 0), "mustard": (212, 168, 40), "mustard yellow": (212, 168, 40),
    "silver": (192, 196, 202), "tan": (210, 180, 140), "sand": (222, 202, 160), "khaki": (196, 186, 140),
    "indigo": (66, 44, 136), "plum": (120, 50, 104), "rose": (232, 92, 128), "rose gold": (206, 146, 132),
    "emerald": (20, 136, 90), "emerald green": (20, 136, 90), "neon green": (70, 230, 60),
    "electric blue": (24, 110, 250),
    "neon blue": (40, 120, 255), "neon yellow": (236, 250, 60), "neon orange": (255, 110, 30),
    "dark brown": (66, 40, 24),
    "light brown": (170, 124, 84), "dark orange": (206, 92, 16), "dark pink": (204, 62, 120), "dark teal": (10, 80, 84),
    "apricot": (252, 190, 136), "blush": (244, 200, 196), "sage": (164, 182, 148), "sage green": (164, 182, 148),
    "bright red": (232, 30, 36), "bright yellow": (255, 222, 30), "bright green": (50, 190, 70),
    "bright blue": (30, 120, 240), "bright pink": (255, 84, 160), "bright orange": (255, 130, 20),
}  # fmt: skip
COLOUR_RGB: dict[str, RGB] = {**COLOURS, **{k: COLOURS[v] for k, v in _SYNONYMS.items()}, **_FURTHER}
TONES: dict[str, float] = {  # shift towards white (+) or black (-) of the colour that follows
    "light": 0.5, "pale": 0.6, "pastel": 0.55, "soft": 0.3, "dark": -0.45, "deep": -0.35, "bright": 0.0, "vivid": 0.0,
    "vibrant": 0.0, "rich": -0.1, "warm": 0.0, "cool": 0.0, "solid": 0.0, "plain": 0.0, "pure": 0.0, "neon": 0.0,
    "glowing": 0.0, "muted": 0.1, "dusty": 0.15, "metallic": 0.0, "shiny": 0.0, "dusky": -0.2, "bold": 0.0,
}  # fmt: skip
# Colour words that are things as well: a colour only before a noun or after "in" and "on".
COLOUR_THINGS = frozenset(
    _words("""
    peach orange olive lime lemon rose coral gold silver plum sand mint salmon cream ruby sky copper bronze emerald
    slate amber rust lavender violet sage lilac apricot mustard chocolate ivory
    """)
)

# ---- lettering

FONT_WORDS: dict[str, str] = {
    word: category
    for category, words in {
        "sans-serif": "sans serif | sans | modern | clean | minimal | minimalist | simple | plain | geometric",
        "heavy sans-serif": "heavy sans serif | bold sans serif | heavy | bold | thick | chunky | fat | block | "
        "strong | "
        "extra bold | black weight | blocky",
        "condensed sans-serif": "condensed sans serif | condensed | narrow | tall | compressed | slim",
        "serif": "serif | bold serif | elegant serif | classic serif | elegant | classic | roman | traditional | "
        "formal",
        "slab serif": "slab serif | slab | western | wild west",
        "display": "display | decorative | fancy | retro | vintage | groovy | ornate | gothic | art deco | comic | "
        "futuristic | stencil | graffiti | blackletter",
        "rounded": "rounded | round | bubble | bubbly | playful | soft | cute | balloon",
        "script": "script | cursive | calligraphy | calligraphic | flowing | brush script | italic script | swirly",
        "handwritten": "handwritten | hand written | handwriting | hand lettered | hand drawn | marker | chalk | "
        "brush | "
        "scribbled | childish | pencil",
        "monospace": "monospace | monospaced | typewriter | pixel | pixelated | code | terminal | 8 bit",
    }.items()
    for word in _words(words)
}
LETTERS = frozenset(
    _words("""
    letters lettering letter text texts font fonts typeface writing handwriting capitals capital caps characters
    calligraphy typography words type digits digit numerals numbers number
    """)
)
# what letters are made of or written in: lettering only behind "in"
MEDIA = frozenset(
    _words("""
    cursive script print serif sans-serif lights tubes icing frosting ink paint graffiti chalk marker pencil crayon
    """)
)
TEXT_NOUNS = (
    "text|texts|words?|phrases?|titles?|headlines?|headings?|captions?|slogan|message|quote|lettering|inscription|"
    "tagline|subtitles?|subheading|letters|lines?|name|motto|greeting|label|brand name|company name"
)
SIZES = frozenset(_words("large big huge giant small tiny little medium massive enormous oversized giant-sized"))
TEXT_STYLE_WORDS = {
    "outlined": "outline", "outline": "outline", "bordered": "outline", "glowing": "glow", "neon": "glow",
    "glow": "glow", "illuminated": "glow", "lit": "glow", "shadowed": "shadow", "shadow": "shadow",
}  # fmt: skip

# ---- object styles

OBJECT_STYLE_PHRASES: dict[str, str] = {
    phrase: style
    for style, phrases in {
        "3d": "3d render | 3d rendering | 3d style | glossy 3d | 3d | 3d icon | 3d illustration | "
        "rendered in 3d | clay "
        "render | realistic | photorealistic | glossy",
        "flat": "flat design | flat illustration | flat style | flat vector | flat | vector art | "
        "vector illustration | "
        "vector graphic | vector | cartoon style | cartoon illustration | emoji style | clip art | clipart style",
        "mono": "silhouette style | silhouette | silhouettes | one colour icon | one color icon | minimal icon | line "
        "icon | single colour | single color | monochrome | in silhouette | stencil style | pictogram | pictograms | "
        "one colour silhouette | one colour",
    }.items()
    for phrase in _words(phrases)
}

# ---- patterns of backgrounds

PATTERNS: dict[str, str] = {
    word: style
    for style, words in {
        "plain": "plain | solid | flat | simple | clean | empty | blank | minimal | minimalist | neutral | bare",
        "gradient": "gradient | ombre | fading | faded | blended",
        "stripes": "striped | stripes | stripe | stripy | pinstriped | lined",
        "sunburst": "sunburst | sun burst | starburst | sun rays | sunray | sunrays | rays | radial | burst | sunbeam",
        "dots": "polka dot | polka dots | polka dotted | dotted | dots | spotted | dotty | polkadot",
        "border": "bordered | framed | border",
        "split": "two tone | split | two coloured | two colored",
        "confetti": "confetti | festive | party",
    }.items()
    for word in _words(words)
}

# ---- places and materials: phrase of the background, its style and mean colour

PICTURED_KINDS: dict[str, tuple[str, str]] = {
    "wood": ("texture", "#917459"), "brick wall": ("texture", "#8f7f77"), "concrete": ("texture", "#949494"),
    "plaster wall": ("texture", "#cfc2b6"), "marble": ("texture", "#c5c8c5"), "cardboard": ("texture", "#c0a783"),
    "cork board": ("texture", "#c28a5a"), "paper": ("texture", "#c2bbaf"), "canvas": ("texture", "#c1bcb9"),
    "metal": ("texture", "#9a8e84"), "grass": ("texture", "#516c29"), "water": ("texture", "#1d99bd"),
    "tiles": ("texture", "#ccc7c3"), "stone": ("texture", "#5f574c"), "garage door": ("texture", "#d7999a"),
    "a bright room": ("photo", "#978a7b"), "a city street": ("photo", "#7e7c7b"),
    "a desert at dawn": ("photo", "#92879c"), "a shopping mall": ("photo", "#837973"), "a forest": ("photo", "#85806c"),
    "a hall": ("photo", "#94908a"), "an old laboratory": ("photo", "#7a8573"), "a lobby": ("photo", "#9c8d69"),
    "a field at night": ("photo", "#a3998e"), "a green meadow": ("photo", "#91a293"),
    "a cloudy sky": ("photo", "#808ba3"), "a meadow at sunrise": ("photo", "#9ca395"),
    "a city square at sunset": ("photo", "#929298"), "a seaside promenade": ("photo", "#879cb7"),
    "a warehouse": ("photo", "#969183"), "a workshop": ("photo", "#92866f"), "a courtyard": ("photo", "#b9a28a"),
    "a park with trees": ("photo", "#82836b"), "a hotel room": ("photo", "#a0978c"),
    "a seaside at sunset": ("photo", "#97989f"), "a dandelion meadow": ("photo", "#615935"),
    "mountains in autumn": ("photo", "#878d77"), "a forest stream": ("photo", "#63685d"),
    "a mountain path": ("photo", "#686a6c"), "a sunset over hills": ("photo", "#767571"),
    "paintbrushes": ("photo", "#7b6363"),
}  # fmt: skip
# kind -> names people use for a scene like it
_PLACE_NAMES = {
    "wood": "wooden table | wood table | wooden wall | wooden planks | wooden plank | wooden desk | "
    "wooden board | wooden "
    "floor | wood grain | wood panel | wooden surface | wood | wooden | oak table | rustic wood | rustic table | "
    "table | "
    "desk | wooden fence | tabletop | kitchen table | log cabin wall | timber",
    "brick wall": "brick wall | bricks | brick | white brick wall | red brick wall | brickwork | old brick wall",
    "concrete": "concrete | concrete wall | cement wall | asphalt | pavement | sidewalk | grey wall | gray wall | "
    "cement",
    "plaster wall": "plaster wall | wall | white wall | stucco wall | painted wall | plaster | plastered wall | "
    "bare wall",
    "marble": "marble | marble slab | marble table | granite | marble counter | marble countertop | white marble",
    "cardboard": "cardboard | kraft paper | brown paper | cardboard box lid",
    "cork board": "cork board | corkboard | cork | pinboard | pin board",
    "paper": "paper | textured paper | old paper | parchment | watercolor paper | watercolour paper | crumpled paper | "
    "paper texture | vintage paper",
    "canvas": "canvas | fabric | linen | cloth | burlap | textile | tablecloth",
    "metal": "metal | brushed metal | steel | metal plate | metal wall | brushed steel | metallic surface | iron",
    "grass": "grass | lawn | green grass | grassy lawn | turf | football pitch | soccer field",
    "water": "water | pool | swimming pool | sea | ocean | lake | river | underwater | under water | the sea | "
    "the ocean | "
    "blue water | rippling water | pond",
    "tiles": "tiles | tiled wall | tile floor | tiled floor | tile wall | bathroom wall | bathroom",
    "stone": "stone | stone wall | rock wall | rocks | stone floor | cobblestones | cave | gravel | dirt",
    "garage door": "garage door | shutter | roller shutter",
    "a bright room": "bright room | room | living room | bedroom | apartment | house interior | kitchen | office | "
    "classroom | cosy room | cozy room | dining room | nursery | home",
    "a city street": "city street | street | city | busy street | downtown | road | urban street | alley | town | "
    "new york street | village street | city at night | neon city | cityscape background | skyline | town street",
    "a desert at dawn": "desert at dawn | desert | dunes | sand dunes | sahara | savanna | savannah | mars",
    "a shopping mall": "shopping mall | mall | shopping centre | shopping center | supermarket | grocery store | store",
    "a forest": "forest | woods | dark forest | enchanted forest | jungle | rainforest | woodland | misty forest | "
    "pine forest | green forest | autumn forest | magical forest",
    "a hall": "hall | concert hall | ballroom | church interior | museum | theatre | theater | stage | school hall | "
    "library hall | palace",
    "an old laboratory": "old laboratory | laboratory | lab | science lab",
    "a lobby": "lobby | hotel lobby | reception | waiting room | cafe | café | coffee shop | restaurant | bar",
    "a field at night": "field at night | night | night field | countryside at night | dark night",
    "a green meadow": "green meadow | meadow | grassy meadow | field | green field | countryside | pasture | "
    "farm | hills | "
    "green hills | grassy hill | hillside | rolling hills | sunny meadow | farmland | valley",
    "a cloudy sky": "cloudy sky | sky | blue sky | clouds | clear sky | clear blue sky | heaven | heavens | air | "
    "cloudy blue sky | the sky | stormy sky",
    "a meadow at sunrise": "meadow at sunrise | sunrise | field at sunrise | sunrise sky | dawn | misty meadow | "
    "morning",
    "a city square at sunset": "city square at sunset | city square | square | plaza | city at sunset | town square",
    "a seaside promenade": "seaside promenade | promenade | seaside | pier | harbour | harbor | boardwalk | "
    "coast | beach | "
    "sandy beach | tropical beach | sunny beach | seashore | shore | island beach | marina",
    "a seaside at sunset": "seaside at sunset | beach at sunset | sunset beach | sea at sunset | "
    "ocean at sunset | ocean "
    "sunset | sunset by the sea",
    "a warehouse": "warehouse | factory | industrial hall | hangar | storage room",
    "a workshop": "workshop | garage | tool shed | studio | shed",
    "a courtyard": "courtyard | patio | backyard | yard | terrace | castle courtyard",
    "a park with trees": "park with trees | park | city park | garden | botanical garden | orchard | playground | "
    "zoo | "
    "public park | flower garden",
    "a hotel room": "hotel room | hotel | bedroom at night",
    "a dandelion meadow": "dandelion meadow | dandelions | dandelion field | wildflower meadow | flower meadow | "
    "field of "
    "flowers | flower field",
    "mountains in autumn": "mountains in autumn | mountains | mountain landscape | mountain | alps | "
    "autumn mountains | "
    "snowy mountains | mountain range | autumn landscape | landscape",
    "a forest stream": "forest stream | stream | waterfall | creek | brook",
    "a mountain path": "mountain path | mountain trail | hiking trail | path | trail | forest path",
    "a sunset over hills": "sunset over hills | sunset | sunset sky | dusk | evening sky | sunset over mountains | "
    "orange sunset | evening",
    "paintbrushes": "paintbrushes | paint brushes",
}  # fmt: skip
# no view fits: a drawn background instead. name -> (style, colour)
_DRAWN_PLACES = {
    "night sky": ("gradient", "navy blue"), "starry night": ("gradient", "navy blue"),
    "starry": ("gradient", "navy blue"),
    "starry sky": ("gradient", "navy blue"), "starry night sky": ("gradient", "navy blue"),
    "stars": ("gradient", "navy blue"),
    "space": ("gradient", "dark purple"), "outer space": ("gradient", "dark purple"),
    "galaxy": ("gradient", "dark purple"),
    "the galaxy": ("gradient", "dark purple"), "universe": ("gradient", "dark purple"),
    "cosmos": ("gradient", "dark purple"),
    "moon": ("plain", "light gray"), "the moon": ("plain", "light gray"), "snow": ("plain", "white"),
    "snowy landscape": ("gradient", "light blue"), "snowy": ("gradient", "light blue"),
    "winter landscape": ("gradient", "light blue"),
    "winter": ("gradient", "light blue"), "sand": ("plain", "beige"), "dark": ("plain", "charcoal"),
    "darkness": ("plain", "black"),
    "light": ("plain", "white"), "pastel": ("gradient", "lavender"), "rainbow": ("stripes", "light pink"),
    "sunny": ("gradient", "yellow"),
    "tropical": ("gradient", "turquoise"), "autumn": ("gradient", "orange"), "spring": ("gradient", "mint"),
    "summer": ("gradient", "yellow"),
    "blackboard": ("plain", "charcoal"), "chalkboard": ("plain", "charcoal"), "neon": ("gradient", "dark purple"),
    "christmas": ("plain", "dark green"), "halloween": ("gradient", "dark purple"), "colorful": ("confetti", "cream"),
    "colourful": ("confetti", "cream"), "transparent": ("plain", "white"), "floral": ("plain", "light pink"),
    "underwater scene": ("gradient", "turquoise"), "deep sea": ("gradient", "navy blue"),
    "fire": ("gradient", "orange"),
}  # fmt: skip


def _places() -> dict[str, tuple[str, str, str]]:
    """name -> (phrase, style, "#rrggbb")."""
    table = {}
    for kind, (style, colour) in PICTURED_KINDS.items():
        bare = kind.removeprefix("a ").removeprefix("an ")
        for name in (bare, *_words(_PLACE_NAMES.get(kind, bare) + "|")):
            if name:
                table[name] = (kind, style, colour)
    for name, (style, colour_name) in _DRAWN_PLACES.items():
        table[name] = ("", style, "#{:02x}{:02x}{:02x}".format(*COLOURS[colour_name]))
    return table


PLACES = _places()
# Place names that "photo of" or "in the background" turns into a view, and that stand alone as things otherwise.
WEAK_PLACES = frozenset(
    _words("""
    wood wooden table desk paper wall metal stone water bar store home hotel house museum stage farm air night morning
    evening dusk dawn dark light sand snow stars moon mars fire rocks canvas cloth fabric cardboard autumn winter spring
    summer tropical floral pastel neon rainbow colorful colourful sunny snowy starry christmas halloween cork marble
    tiles concrete grass brick bricks plaster garage mountain
    """)
)

# ---- themes: what to show when a prompt names neither a thing nor a text

THEMES = {
    "birthday": "birthday cake", "christmas": "Christmas tree", "xmas": "Christmas tree", "halloween": "jack-o-lantern",
    "valentine's": "red heart", "valentines": "red heart", "valentine": "red heart", "easter": "egg",
    "thanksgiving": "turkey", "wedding": "ring", "music": "guitar", "concert": "guitar", "summer": "sun",
    "winter": "snowflake", "new year": "fireworks", "graduation": "graduation cap", "baby": "baby bottle",
    "love": "red heart", "travel": "airplane", "party": "party popper", "football": "soccer ball",
    "movie": "clapper board",
    "film": "clapper board", "science": "microscope", "space": "rocket", "school": "pencil",
    "mother's": "bouquet of flowers",
    "mothers": "bouquet of flowers", "bakery": "croissant", "cafe": "cup of coffee", "café": "cup of coffee",
    "florist": "bouquet of flowers", "bookshop": "stack of books", "bookstore": "stack of books", "pizzeria": "pizza",
}  # fmt: skip

# ---- objects: everyday names the artwork lacks -> the nearest known object

EXTRA_ALIASES = {
    "t shirt": "t-shirt", "tshirt": "t-shirt", "tee shirt": "t-shirt", "mens t shirt": "t-shirt",
    "womens t shirt": "t-shirt",
    "men's t shirt": "t-shirt", "women's t shirt": "t-shirt", "shirt": "t-shirt", "hoodie": "t-shirt",
    "apron": "t-shirt", "sweatshirt": "t-shirt",
    "bottle": "bottle of champagne", "hat": "sun hat", "bowl": "bowl with spoon", "soup bowl": "bowl with spoon",
    "plate": "plate with a fork and knife", "fork": "fork and knife", "vase": "amphora", "urn": "amphora",
    "tortoise": "turtle", "hare": "rabbit", "jersey": "t-shirt", "pitcher": "pouring jar", "jug": "pouring jar",
    "drums": "drum", "kettle": "teapot", "mailbox": "postbox", "bench": "chair", "waterfall": "fountain",
    "campfire": "fire", "bonfire": "fire", "flame": "fire", "circle": "blue circle", "disc": "blue circle",
    "sphere": "blue circle", "square": "blue square", "triangle": "red triangle", "treasure map": "world map",
    "map": "world map", "stem": "sprig of herbs", "sprig": "sprig of herbs", "branch": "sprig of herbs",
    "mug": "cup of coffee", "coffee mug": "cup of coffee", "coffee cup": "cup of coffee",
    "tea cup": "teacup without handle",
    "slice of cake": "shortcake", "piece of cake": "shortcake", "slice of pie": "pie", "school bag": "backpack",
    "schoolbag": "backpack", "bag": "handbag", "tote bag": "handbag", "shopping bag": "pair of shopping bags",
    "party balloon": "balloon", "cap": "baseball cap", "bike": "bicycle", "bunny": "rabbit", "puppy": "dog",
    "kitten": "cat",
    "kitty": "cat", "corgi": "dog", "dalmatian": "dog", "labrador": "dog", "pumpkin": "jack-o-lantern",
    "present": "gift box",
    "photo camera": "camera", "polaroid": "camera", "daisy": "sunflower", "daffodil": "yellow flower",
    "lily": "hibiscus",
    "orange": "tangerine", "blueberry": "cluster of blueberries", "grape": "bunch of grapes",
    "cherry": "pair of cherries",
    "flower": "yellow flower", "wildflower": "yellow flower", "bread": "loaf of bread", "toast": "loaf of bread",
    "pancake": "stack of pancakes", "soda": "cup with a straw", "milkshake": "cup with a straw",
    "smoothie": "cup with a straw",
    "champagne": "bottle of champagne", "cocktail": "cocktail glass", "beer": "mug of beer", "wine": "glass of wine",
    "milk": "glass of milk", "tea": "teapot",
    "cup of tea": "cup of coffee", "cappuccino": "cup of coffee", "latte": "cup of coffee", "espresso": "cup of coffee",
    "coffee beans": "pair of beans", "sunglasses": "pair of sunglasses", "shoe": "running shoe",
    "sneaker": "running shoe",
    "trainer": "running shoe", "boot": "hiking boot", "phone": "mobile phone", "computer": "laptop", "tv": "television",
    "plane": "airplane", "jet": "airplane", "van": "delivery truck", "lorry": "lorry", "sports car": "racing car",
    "race car": "racing car", "spaceship": "rocket", "ufo": "flying saucer", "planet": "ringed planet",
    "witch": "female wizard",
    "pirate": "pirate flag", "knight": "crossed swords", "mermaid": "mermaid", "dino": "sauropod",
    "dinosaur": "sauropod",
    "puffin": "penguin", "seagull": "dove", "pigeon": "dove", "crow": "black bird", "raven": "black bird",
    "hummingbird": "bird", "kitchen knife": "kitchen knife", "pine": "pine tree", "oak": "tree",
    "fern": "sprig of herbs",
    "leaf": "maple leaf", "leaves": "green leaves", "snow globe": "crystal ball", "lightbulb": "light bulb",
    "bulb": "light bulb", "lamp": "light bulb", "lantern": "red paper lantern", "paint brush": "paintbrush",
    "house plant": "potted plant", "plant": "potted plant", "tulips": "tulip", "cog": "gear", "gem": "gemstone",
    "heart shape": "red heart", "bouquet": "bouquet of flowers", "bunch of flowers": "bouquet of flowers",
    "christmas bauble": "crystal ball", "santa": "Santa Claus", "snow man": "snowman", "gingerbread man": "cookie",
    "noodles": "bowl of noodles", "ramen": "bowl of noodles", "salad": "green salad", "soup": "pot of stew",
    "steak": "cut of meat", "sausage": "hot dog", "cheese": "cheese wedge", "chips": "box of fries",
    "fries": "box of fries",
    "donut": "doughnut", "muffin": "cupcake", "sweets": "candy", "chocolate": "chocolate bar", "gift": "gift box",
    "earth": "globe", "drink": "tropical drink", "ball": "soccer ball", "football": "soccer ball",
    "clock": "alarm clock",
    "child": "child", "kid": "child", "kids": "child", "lady": "woman", "guy": "man", "chef": "cook",
    "doctor": "health worker",
    "nurse": "health worker", "policeman": "police officer", "fireman": "firefighter", "king": "prince",
    "queen": "princess",
    "monster": "alien monster", "headphones": "headphone", "bridge": "bridge at night", "skyscraper": "office building",
    "building": "office building", "lighthouse": "Tokyo tower", "temple": "classical building", "cottage": "house",
    "cabin": "hut", "barn": "hut", "caravan": "minibus", "camper van": "minibus", "bat": "bat",
    "seashell": "spiral shell",
    "shell": "spiral shell", "surfer": "person surfing", "runner": "person running", "dancer": "woman dancing",
    "cyclist": "person biking", "swimmer": "person swimming",
    "sledge": "sled", "toboggan": "sled", "flower pot": "potted plant", "flowerpot": "potted plant",
    "plant pot": "potted plant", "racket": "badminton racket", "tennis racket": "badminton racket",
    "racquet": "badminton racket", "tennis racquet": "badminton racket", "tombstone": "headstone",
    "gravestone": "headstone", "grave stone": "headstone", "hen": "chicken", "chilli": "hot pepper",
    "chili": "hot pepper", "chilli pepper": "hot pepper", "chili pepper": "hot pepper", "mop": "broom",
    "oil lamp": "diya lamp", "treasure chest": "toolbox", "excavator": "tractor", "digger": "tractor",
    "bulldozer": "tractor", "paw print": "paw prints", "drum kit": "drum", "raincoat": "coat",
    "fishing rod": "fishing pole", "ball of wool": "ball of yarn",
    "sword": "dagger", "potion": "test tube", "dachshund": "dog", "diya": "diya lamp", "goldfish": "fish",
    "coffee bean": "pair of beans", "watering can": "pouring jar", "arrow": "right arrow",
    "arrow pointing right": "right arrow", "arrow pointing to the right": "right arrow",
    "arrow pointing left": "left arrow", "arrow pointing to the left": "left arrow", "arrow pointing up": "up arrow",
    "arrow pointing upwards": "up arrow", "arrow pointing down": "down arrow", "arrow pointing downwards": "down arrow",
}  # fmt: skip

# Things by themselves, adjectives before others.
SHAPES = frozenset(_words("square circle triangle disc sphere"))

# Lexicon words that are more often something else; they need an article, a number, an adjective or a list around them.
AMBIGUOUS_OBJECTS = frozenset(
    _words("""
    watch fly train ring rock wave hook tick star bow fire ram pin drum lock page tag target bank bang cook guard judge
    pilot student wing fan key light bug seal road kiss knot sun moon present peak jet world tee cup stag club spade
    bear duck train plaster torch rice salt butter ice cricket tongue mouth leg ear eye eyes foot nose record film
    thread document paper hill arrow person people man woman men women hot radio cloud hearts heart bin match drink
    ball plant mars palm needle chips square boot cap coat dress shower fall slide drum mirror window door bed chair
    seat turkey scale spring bat bone fish file
    """)
)
# Lexicon names that a prompt means otherwise: the picture itself, panels, or lettering.
NEVER_OBJECTS = frozenset(
    _words("""
    placard | name badge | speech balloon | thought balloon | speaker | page | document |
    restroom sign | warning sign | stop sign | no entry sign | prohibited sign | plus sign | minus sign | equals sign |
    female sign | male sign | division sign | multiplication sign | dollar sign | hot drink | cool emoji | road | bang |
    tag | note and pencil | paper | sheet of paper | selfie | poster | red circle | world | person | admission ticket |
    admission tickets | tickets | time | menu | sunshine | hill | peak | memo | gift tag | national park | horizontal
    """)
)

# What things stand on or in without being things themselves: "on a cliff".
SURROUNDINGS = frozenset(
    _words("""
    cliff hill hillside road lane street path floor ground platform sidewalk sky horizon day night island coast town
    village city country landscape storm distance room garden hurry summer winter breeze wind rain fog mist sunset
    mood dream game match world journey trip bay riverbank mountaintop roof rooftop
    """)
)

# Heads of noun phrases that only tell how one of several looks: "one tall and two short".
STATES = frozenset(
    _words("""
    tall short long wide thick old new young open closed broken empty full happy sad angry sleepy smiling crying
    laughing sleeping simple funny bigger smaller larger shorter taller lit unlit upside ripe whole cut sliced standing
    sitting bright dark light modern classic clean minimal minimalist elegant bold rustic vintage retro playful
    realistic
    """)
)

# ---- small words

NUMBERS = {
    "a": 1, "an": 1, "one": 1, "single": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "dozen": 12, "couple": 2, "pair": 2, "both": 2, "few": 3,
    "some": 3,
    "several": 4, "many": 6, "lots": 6, "multiple": 4, "numerous": 6, "various": 4,
}  # fmt: skip
ARTICLES = frozenset(_words("a an the this that these those his her its their my our your"))
PREPOSITIONS = frozenset(
    _words("""
    of with in on at by for from to over under above below beside next near behind inside around between through against
    into onto without within along across underneath beneath atop towards toward during about as like featuring showing
    depicting displaying containing including plus via amid among
    """)
)
FUNCTION_WORDS = frozenset(
    _words("""
    and or but close is are was were be being been it that which who whose where when while then also very so too
    not no if i we you they he she there here has have had having do does should must can could would will shall may
    might says say said saying reads read reading titled called named written please create make draw design
    generate give show need want me us up down out off left right top bottom above please just only all each every
    more most much holding wearing riding driving carrying eating drinking sitting standing flying running playing
    looking dancing jumping swimming sleeping smiling walking using doing wears holds
    """)
)
STOP_WORDS = ARTICLES | PREPOSITIONS | FUNCTION_WORDS
ABSTRACT_NOUNS = frozenset(
    _words("""
    style styles font fonts text texts message theme themes design designs touch look looks feel feeling mood name names
    letters lettering color colour colors colours background backdrop border borders frame view lot bit quote line lines
    word words company brand shop store event sale vibe vibes scene resolution quality lighting light lights shadow
    shadows detail details composition pattern patterns texture textures headline title titles subtitle caption
    slogan phrase phrases heading tagline logo poster picture photo image illustration drawing card version set kind
    type sort mix size shape shapes center centre middle side corner top bottom way piece part parts row rows column
    columns group groups idea concept effect effects accent accents tone tones palette space room day night time
    year years age hours hour minutes price discount off style- use purpose speech bubble strip stripe stripes
    ribbon label silhouette silhouettes icon icons art depth focus lens contrast expression smile sense air
    atmosphere aesthetic finish handwriting typography inscription motto greeting wish wishes love friend mum mom
    dad boss inch cm px pixels ratio hd dreams success happiness peace family life happy birthday anniversary
    graduation foreground distance world lover lovers fan fans beginner beginners everyone something anything
    nothing thing things people adults men women mens womens flower-power typeface layout margin margins edge edges
    area half part panel panels element elements decoration decorations ornament ornaments emoji element bold italic
    hint dash pop splash pinch variety selection range mixture blend combination handful afternoon evening morning
    weekend holiday season moment chance change charm elegance impression reminder memory story tale joke pun deal
    offer reason point task valentine favour favor client customer colleague deadline budget website site link sense
    balance contrast emphasis blur haze wash coating layer grid gap variant option copy example result choice twist
    surprise spirit energy joy fun resemblance appearance personality setting environment ambience era scheme sheen
    gloss poem rhyme sentence paragraph step steps section sections bullet bullets while place spot end start angle
    position pose manner format orientation cent cents euro dollar pound percent second mile km kg address info
    information contact budget vignette gradient distressed daughter son brother sister niece nephew cousin neighbour
    neighbor husband wife grandma grandpa team club crowd
    caps capitals glow outline drop smaller larger bigger number numbers digit digits save rest corners date dates
    """)
)
