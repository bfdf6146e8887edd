"""What posters say: phrase banks with placeholders, written for this project, and the words that fill them.

Placeholders: {N} {M} first names, {S} surname, {F} relative, {P} place, {D} day, {B} month, {A} adjective and {W} noun
(capitalised), {w} noun, {O} thing, {n} age, {d} day of the month, {e} 1-12, {q} four digits, {t} time, {p} percentage,
{Y} year, {Z} founding year, {I} goods, {E} end of a meme, {X} any English word (capitalised).
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from training.data.assets import Assets
from training.data.splits import Split, held_out


class NoFit(Exception):
    """This draft cannot become a good poster; draw another."""


def _words(table: str) -> tuple[str, ...]:
    return tuple(table.split())


def _phrases(table: str) -> tuple[str, ...]:
    return tuple(" ".join(p.split()) for p in table.split("|"))


def _pairs(table: str) -> tuple[tuple[str, str], ...]:
    pairs = (p.partition("/") for p in _phrases(table))
    return tuple((a.strip(), b.strip()) for a, _, b in pairs)


# {N}, {M}: first names
NAMES = _words("""
    Mia Leo Ava Noah Ella Max Zoe Sam Lily Jack Ruby Finn Ivy Theo Isla Owen Maya Hugo Nina Otis Clara Felix Rosa
    Dylan Amara Jonas Priya Kofi Yuki Omar Freya Arlo Esme Luca Greta Ravi Sofia Ewan Tess Marco Elena Hana Kai Anna
    Ben Chloe Daisy Eva Frank George Holly Ian Jade Kate Liam Molly Nora Oscar Poppy Quinn Rory Stella Tom Uma Vera
    Will Xena Yasmin Zack Emma Alice Grace Henry Ingrid Joe Kira Lola Milo Nadia Olive Pablo Rita Sean Toby Violet
    Wendy
""")

# {F}: relatives and other people who get cards
FAMILY = _phrases("""
    Mum | Mom | Dad | Grandma | Grandpa | Nana | Sister | Brother | Auntie | Uncle | Daddy | Mummy | Best Friend |
    Teacher | Boss | Coach
""")

# {S}
SURNAMES = _words("""
    Smith Jones Brown Green Baker Hill Wood King Cook Bell Fox Stone
""")

# {P}
PLACES = _words("""
    Paris London Tokyo Rome Cairo Lima Oslo Berlin Madrid Sydney Venice Lisbon Dublin Vienna Prague Athens Mumbai
    Nairobi Havana Quebec Boston Chicago Texas Brazil Kenya Japan Norway Iceland Egypt Greece Mexico Italy Spain
    Wales Scotland Cornwall Hawaii Florida Alaska Bali Malta Cuba Peru Nepal Tibet Morocco Zanzibar Brighton Oxford
    York Bristol Leeds Cardiff Geneva Milan Seoul Osaka Hanoi Delhi
""")

# {D}
DAYS = _words("""
    Monday Tuesday Wednesday Thursday Friday Saturday Sunday
""")

# {B}
MONTHS = _words("""
    Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec
""")

# {A}
ADJECTIVES = _words("""
    golden silent wild little happy brave hidden ancient cosy frozen velvet crimson lucky gentle electric midnight
    summer winter lost secret magic grand sunny misty rusty royal humble fancy tiny giant noisy quiet clever curious
    sleepy dancing flying burning broken endless bright dark sweet salty fresh rustic urban modern classic vintage
    cosmic lunar solar hollow marble copper silver amber coral ivory scarlet emerald
""")

# {w}, and {W} capitalised
NOUNS = _words("""
    garden river mountain ocean forest harbour lantern mirror kingdom castle shadow summer winter island bridge
    train letter secret whisper storm meadow orchard kitchen library market station machine rocket planet comet
    dragon tiger fox owl bear wolf raven sparrow lion whale rose lily willow oak maple clover honey pepper ginger
    lemon berry apple cloud thunder rain snow ember spark anchor compass arrow feather crown diamond pearl stone
    tower village road door window key clock
""")

# {I}: what shops sell off
GOODS = _phrases("""
    SHOES | BOOKS | TOYS | HATS | BIKES | PLANTS | CAKES | COATS | GAMES | LAMPS | BEDS | RUGS
""")

# poster titles made of words
TITLES = _phrases("""
    {W} | The {W} | The {A} {W} | {A} {W} | {W} & {W} | {W} and {W} | Hello {W} | Hello World | The {W} Club |
    {A} {W} {n} | Welcome to {P} | Deep Learning | New {W} | My {W} | {W} Day | {P} {Y}
""")

# events
EVENTS = _phrases("""
    Jazz Night | Summer Fair | Book Club | Open Mic | Pub Quiz | Flea Market | Yoga Class | Film Night | Bake Sale |
    Dance Party | Fun Run | Food Festival | Art Show | Science Day | Pet Parade | Rock Concert | Craft Fair |
    Comedy Hour | Chess Club | Garden Party | Beach Party | Karaoke | Talent Show | Car Boot Sale | Winter Ball |
    Space Camp | Music Festival | Kite Festival | Spring Concert | Street Party | Sports Day | Cooking Class |
    Bingo Night | Magic Show | Puppet Show | Charity Walk | Swimming Gala | Harvest Supper | Disco | Circus
""")

# what to draw for an event
EVENT_OBJECTS: dict[str, tuple[str, ...]] = {
    "Jazz Night": _phrases("saxophone | trumpet"),
    "Book Club": _phrases("stack of books | open book"),
    "Open Mic": _phrases("microphone"),
    "Film Night": _phrases("bucket of popcorn | clapper board"),
    "Bake Sale": _phrases("cupcake | pie | cookie"),
    "Dance Party": _phrases("mirror ball | woman dancing"),
    "Fun Run": _phrases("running shoe | person running"),
    "Food Festival": _phrases("taco | hamburger | pizza"),
    "Art Show": _phrases("paint palette | framed picture"),
    "Science Day": _phrases("microscope | test tube | DNA strand"),
    "Pet Parade": _phrases("dog | cat | rabbit"),
    "Rock Concert": _phrases("guitar | drum"),
    "Comedy Hour": _phrases("microphone | laughing face with tears"),
    "Chess Club": _phrases("chess pawn"),
    "Garden Party": _phrases("tulip | teapot"),
    "Beach Party": _phrases("palm tree | tropical drink | beach with a parasol"),
    "Karaoke": _phrases("microphone | musical notes"),
    "Space Camp": _phrases("rocket | ringed planet | astronaut"),
    "Music Festival": _phrases("guitar | musical notes | headphone"),
    "Kite Festival": _phrases("kite"),
    "Cooking Class": _phrases("frying pan | cook"),
    "Magic Show": _phrases("magic wand | top hat | rabbit"),
    "Circus": _phrases("circus tent | clown face"),
    "Yoga Class": _phrases("person in lotus position | lotus"),
    "Disco": _phrases("mirror ball"),
    "Sports Day": _phrases("sports medal | trophy"),
    "Bingo Night": _phrases("dice"),
    "Swimming Gala": _phrases("person swimming"),
    "Winter Ball": _phrases("snowflake | dress"),
    "Spring Concert": _phrases("violin | musical notes"),
}

# second lines on event posters, banners
EVENT_LINES = _phrases("""
    {D} {t} | {t} | {d} {B} | {D} {d} {B} | {B} {d} | FREE ENTRY | Tickets ${d} | Tickets £{d} |
    All welcome | Admit One | Town Hall | Village Green | Room {d} | at {P} | Doors {t} | Join us! | Book now |
    www.{w}.com | @{w} | #{w} | Call 555-{q} | {d}/{e}/{Y} | Live in {P} | Since {Z} | Est. {Z} | No. {d} |
    Vol. {d} | Ages {d}+ | Free parking | Bring a friend | Kids go free | Starts at {t} | Hall {e} | Open daily
""")

# second lines on logos, shop signs
TAGLINES = _phrases("""
    fresh every day | since {Z} | est. {Z} | made with love | open 24 hours | simply better | good food, good mood |
    hand made | quality first | 100% natural | think different | since day one | all day long | we care |
    just for you | coffee & cake | design studio | travel agency | family run | organic | never stop | dream big |
    born in {P} | the best in {P} | local & proud
""")

# quotes for posters and photographs
QUOTES = _phrases("""
    Dream big and dare to fail | Stay curious | Less is more | Be kind to one another | Every day is a fresh start |
    Do what you love | Never give up | Collect moments, not things | Good things take time |
    Life is better by the sea | The best is yet to come | Be the change | Small steps every day |
    Make today amazing | Keep calm and carry on | Follow your heart | Enjoy the little things | You are enough |
    Let it be | Think happy thoughts | Adventure awaits | Home is where the heart is | Bloom where you are planted |
    Work hard, stay humble | Not all who wander are lost | Laugh often, love much | Save water, drink tea |
    Wake up and be awesome | Create your own sunshine | Choose joy | Happiness is a {O} | Never trust a {O} |
    Plant trees, save the planet | Read more books | Time flies | Progress, not perfection |
    Be yourself; everyone else is taken | The sky is the limit
""")

# what cartoon figures say
SPEECH = _phrases("""
    Hello! | Hi {N}! | Good morning! | I'm hungry | Where is my {O}? | Let's go! | Wow! | I love {W} |
    Who ate my {W}? | See you at {t} | Thank you! | Oops! | Feed me | Good night | Yes! | No way! | Look at me |
    Call me | Happy {D}! | I can fly | Meow | Woof! | Moo | Quack | Ahoy {N}! | What time is it? | Is it {D}? |
    Need coffee | Be my friend | Peace | Help! | 2 + 2 = 4 | Buy more {W} | Don't panic | Surprise! | Follow me |
    How are you? | Nice to meet you
""")

# neon signs
NEON = _phrases("""
    OPEN | BAR | HOTEL | COFFEE | PIZZA | LIVE MUSIC | GOOD VIBES | GAME ON | DINER | MOTEL | CINEMA | TACOS |
    DREAM | LOVE | PARTY | 24 HOURS | COCKTAILS | HELLO | KARAOKE | SUSHI | ARCADE | VACANCY | JAZZ | CLUB {W} |
    TATTOO | BURGERS | NOODLES | ICE CREAM
""")

# notes on a pin board
NOTES = _phrases("""
    Buy {W} | Call {N} | Meeting at {t} | Back in {d} min | Do not touch! | Feed the {O} | Lost {O} | Call mum |
    Don't forget! | Gone fishing | To do: {W} | Please knock | Wet paint | Free kittens | Room for rent |
    Out of order | Dentist {D} {t} | Wifi: {w}{d} | Milk, eggs, {W} | Happy {D} | I owe you {d} | Good job {N} |
    Homework {D} | Shh... quiet | Password: {w}{d}
""")

# first and second line of a badge
BADGES = _pairs("""
    Certified / {W} | Best {W} / {Y} | Team / {W} | Premium / Quality | {P} / F.C. | Camp / {W} |
    {W} Club / Est. {Z} | Number / One | Class of / {Y} | Star / Player | 100% / Organic | Made in / {P} |
    Official / {W} Fan | Winner / {Y} | Explorer / Level {d} | {N}'s / {W} | Junior / Ranger | Top / Chef
""")

# first and second line of a sale
SALES = _pairs("""
    SALE / {p}% OFF | BIG SALE / UP TO {p}% OFF | FLASH SALE / TODAY ONLY | {p}% OFF / ALL {I} |
    BUY 1 GET 1 / FREE | SUMMER SALE / {p}% OFF | CLEARANCE / FROM ${d} | NEW / ONLY £{d}.99 |
    GRAND OPENING / {D} {t} | HALF PRICE / THIS WEEK | SPECIAL OFFER / 2 FOR £{d} | BLACK FRIDAY / SAVE {p}% |
    WINTER SALE / SAVE ${d} | HOT DEAL / ${d}.99 | FREE / DELIVERY | LAST CHANCE / -{p}% | OPEN / 9am - 5pm |
    TRY ME / FREE
""")

# upper and lower line of a meme; the lower one may be empty
MEMES = _pairs("""
    WHEN YOU SEE / {E} | ONE DOES NOT SIMPLY / {E} | NOT SURE IF {W} / OR JUST {W} |
    BRACE YOURSELF / {W} IS COMING | I SAID / {E} | SUCH {W} / MUCH WOW | THIS IS FINE / | NOBODY: / {E} |
    ME ON {D} / {E} | KEEP CALM / AND EAT {O} | OH NO / NOT {D} AGAIN | I CAN HAS / {W}? |
    WHAT IF I TOLD YOU / {E} | ONE MORE / {W} | MONDAY MOOD / | TOO MUCH / {W} | WHY SO / {W}? |
    I WAS TOLD / THERE WOULD BE {W}
""")

# {E}
MEME_ENDS = _phrases("""
    THE LAST COOKIE | FREE PIZZA | NO WIFI | COFFEE FIRST | IT IS FRIDAY | FIX ONE BUG | GO TO BED | SKIP LUNCH |
    NO HOMEWORK | GET UP EARLY | THE BILL | HE ATE IT ALL | JUST ONE MORE | NEEDS MORE CHEESE
""")

# kinds of shop and what to draw for each
SHOPS: dict[str, tuple[str, ...]] = {
    "Bakery": _phrases("baguette | croissant | cupcake | loaf of bread | pie"),
    "Café": _phrases("cup of coffee | croissant"),
    "Coffee": _phrases("cup of coffee"),
    "Books": _phrases("stack of books | open book | book"),
    "Flowers": _phrases("tulip | rose | bouquet of flowers | sunflower"),
    "Florist": _phrases("rose | tulip | bouquet of flowers"),
    "Barber": _phrases("barber pole | pair of scissors | razor"),
    "Pizza": _phrases("pizza"),
    "Tea Room": _phrases("teapot | shortcake"),
    "Deli": _phrases("sandwich | cheese wedge"),
    "Toys": _phrases("teddy bear | kite | yo-yo"),
    "Records": _phrases("compact disc | musical notes | guitar"),
    "Bikes": _phrases("bicycle"),
    "Gallery": _phrases("framed picture | paint palette"),
    "Pet Shop": _phrases("dog | cat | hamster | tropical fish | parrot | rabbit"),
    "Hardware": _phrases("hammer | spanner | toolbox | screwdriver"),
    "Garage": _phrases("car | spanner | wheel"),
    "Diner": _phrases("hamburger | pie"),
    "Bar & Grill": _phrases("cut of meat | mug of beer"),
    "Ice Cream": _phrases("ice cream cone | bowl of ice cream"),
    "Sweets": _phrases("candy | lollipop"),
    "Pharmacy": _phrases("pill | lotion bottle"),
    "Hotel": _phrases("bed | bellhop bell | key"),
    "Inn": _phrases("bed | mug of beer"),
    "Tavern": _phrases("mug of beer | glass of wine"),
    "Market": _phrases("carrot | red apple | basket"),
    "Kitchen": _phrases("frying pan | pot of stew"),
    "Studio": _phrases("camera | microphone | paintbrush"),
    "Salon": _phrases("pair of scissors | lipstick | nail polish"),
    "Tailor": _phrases("spool of thread | sewing needle | necktie"),
    "Antiques": _phrases("mantelpiece clock | amphora"),
    "Shoes": _phrases("running shoe | high-heeled shoe"),
    "Music": _phrases("guitar | violin | drum | trumpet"),
    "Games": _phrases("game controller | dice | joystick"),
    "Seafood": _phrases("fish | lobster | crab"),
    "Burgers": _phrases("hamburger"),
    "Noodles": _phrases("bowl of noodles"),
    "Sushi": _phrases("piece of sushi"),
    "Tacos": _phrases("taco"),
    "Juice Bar": _phrases("cup with a straw | tangerine | juice box"),
    "Brewery": _phrases("mug of beer | pair of beer mugs"),
    "Fish & Chips": _phrases("fish | box of fries"),
    "Laundry": _phrases("t-shirt | soap"),
    "Optician": _phrases("pair of glasses"),
    "Bank": _phrases("coin | money bag"),
    "Library": _phrases("stack of books | open book"),
    "School": _phrases("pencil | graduation cap"),
    "Surf Shop": _phrases("wave | palm tree"),
    "Garden Centre": _phrases("potted plant | seedling | tulip"),
}

# menu headings and their dishes
MENUS: dict[str, tuple[str, ...]] = {
    "Breakfast": _phrases("Pancakes | Eggs & Toast | Porridge | Omelette | Waffles | Bacon Roll | Muesli | Bagel"),
    "Coffee": _phrases("Latte | Mocha | Espresso | Flat White | Cappuccino | Americano | Iced Latte | Cortado"),
    "Lunch": _phrases("Soup | Salad | Club Sandwich | Wrap | Quiche | Jacket Potato"),
    "Burgers": _phrases("Classic | Cheese | Veggie | Chicken | Double"),
    "Pizza": _phrases("Margherita | Pepperoni | Veggie | Hawaiian | Calzone"),
    "Drinks": _phrases("Cola | Lemonade | Iced Tea | Water | Juice | Beer | Wine"),
    "Desserts": _phrases("Brownie | Apple Pie | Gelato | Cheesecake | Fudge | Sundae"),
    "Tacos": _phrases("Beef | Fish | Bean | Pork | Shrimp"),
    "Sushi": _phrases("Maki | Nigiri | Tempura | Miso | Edamame"),
    "Ice Cream": _phrases("Vanilla | Mango | Mint | Cookie | Lemon | Berry"),
    "Smoothies": _phrases("Mango | Berry | Green | Banana | Peach"),
    "Specials": _phrases("Soup | Steak | Pasta | Curry | Pie | Fish"),
}

# what to draw on a menu
MENU_OBJECTS: dict[str, tuple[str, ...]] = {
    "Breakfast": _phrases("stack of pancakes | frying pan | egg | waffle | croissant"),
    "Coffee": _phrases("cup of coffee"),
    "Lunch": _phrases("sandwich | green salad"),
    "Burgers": _phrases("hamburger | box of fries"),
    "Pizza": _phrases("pizza"),
    "Drinks": _phrases("cup with a straw | cocktail glass | tropical drink | bubble tea"),
    "Desserts": _phrases("pie | shortcake | cupcake | doughnut"),
    "Tacos": _phrases("taco | hot pepper"),
    "Sushi": _phrases("piece of sushi | rice ball"),
    "Ice Cream": _phrases("ice cream cone | bowl of ice cream"),
    "Smoothies": _phrases("mango | banana | strawberry | kiwi fruit"),
    "Specials": _phrases("pot of stew | plate of spaghetti | fish | cut of meat"),
}


@dataclass(frozen=True)
class Occasion:
    """An occasion for a greeting card: the card's noun, what it says, what it shows, background colours."""

    noun: str
    phrases: tuple[str, ...]
    objects: tuple[str, ...]
    colours: tuple[str, ...]


OCCASIONS = (
    Occasion(
        "birthday card",
        _phrases(
            "Happy Birthday {F} | Happy Birthday {N}! | Happy {n}th Birthday | Happy Birthday | "
            "Birthday Wishes {F} | {N} is {n}! | Hooray! {N} is {n} | It's your birthday! | "
            "Make a wish, {N} | Another year older | Eat cake and be happy | Happy Birthday to you"
        ),
        _phrases(
            "birthday cake | balloon | party popper | gift box | cupcake | confetti ball | shortcake | "
            "candle | partying face | teddy bear"
        ),
        _phrases("pink | yellow | sky blue | lavender | mint | coral | cream | turquoise | purple"),
    ),
    Occasion(
        "thank you card",
        _phrases(
            "Thank You | Thank you {F}! | Thanks a million | Many Thanks, {N} | So grateful for you | "
            "Thank you for everything"
        ),
        _phrases("bouquet of flowers | tulip | red heart | sunflower | hibiscus | cherry blossom | butterfly"),
        _phrases("cream | mint | peach | light blue | white | lavender"),
    ),
    Occasion(
        "get well soon card",
        _phrases("Get Well Soon | Feel better {N}! | Get well soon, {F} | Thinking of you | Rest up, {N}"),
        _phrases("teddy bear | bouquet of flowers | plaster | sunflower | bowl of noodles | sun with a face"),
        _phrases("yellow | light blue | mint | peach"),
    ),
    Occasion(
        "Valentine's card",
        _phrases(
            "Be My Valentine | I Love You {N} | You are my sunshine | Love you always | XOXO | "
            "{N} + {M} | My heart is yours | Happy Valentine's Day | Love is all around"
        ),
        _phrases(
            "red heart | pair of hearts | sparkling heart | rose | heart with arrow | love letter | "
            "teddy bear | heart with ribbon | growing heart"
        ),
        _phrases("pink | light pink | red | cream | maroon | hot pink | white"),
    ),
    Occasion(
        "Christmas card",
        _phrases(
            "Merry Christmas | Season's Greetings | Ho Ho Ho! | Let it snow | Happy Holidays | "
            "Joy to the World | Merry Christmas {N} | Peace & Joy | Jingle all the way"
        ),
        _phrases(
            "Christmas tree | Santa Claus | snowman | gift box | snowflake | deer | bell | candle | pine tree | star"
        ),
        _phrases("red | dark green | navy blue | green | white | maroon | light blue | cream"),
    ),
    Occasion(
        "Halloween card",
        _phrases("Happy Halloween | Trick or Treat | Boo! | Spooky Night | Creepy Party | Witches Welcome"),
        _phrases("jack-o-lantern | ghost | bat | spider | skull | spider web | black cat | candy | zombie | vampire"),
        _phrases("orange | black | dark purple | purple | charcoal"),
    ),
    Occasion(
        "Easter card",
        _phrases("Happy Easter | Egg Hunt {D} | Hoppy Easter | Some bunny loves you"),
        _phrases("rabbit | hatching chick | egg | tulip | chick | nest with eggs | basket"),
        _phrases("light pink | lavender | mint | yellow | light blue"),
    ),
    Occasion(
        "wedding invitation",
        _phrases("{N} & {M} | Save the Date | Just Married | Mr & Mrs {S} | Together forever | Happy Anniversary"),
        _phrases(
            "ring | dove | rose | bouquet of flowers | wedding chapel | pair of clinking glasses | bell | white heart"
        ),
        _phrases("cream | white | light pink | beige | mint | lavender | navy blue"),
    ),
    Occasion(
        "congratulations card",
        _phrases(
            "Congratulations! | Well Done {N} | You did it! | Congrats Grad | Class of {Y} | Bravo {N}! | Good job"
        ),
        _phrases(
            "trophy | graduation cap | party popper | star | sports medal | clapping hands | "
            "bottle of champagne | balloon"
        ),
        _phrases("navy blue | gold | sky blue | purple | white | teal"),
    ),
    Occasion(
        "new baby card",
        _phrases("Welcome Baby {N} | Hello Little One | It's a boy! | It's a girl! | Oh Baby"),
        _phrases("baby | baby bottle | teddy bear | chick | balloon | duck | elephant"),
        _phrases("light blue | light pink | mint | cream | lavender | yellow"),
    ),
    Occasion(
        "good luck card",
        _phrases("Good Luck {N} | Best of Luck | Fingers crossed! | You can do it | Break a leg"),
        _phrases("four leaf clover | shamrock | ladybug | star | rainbow | crossed fingers"),
        _phrases("mint | green | cream | light blue | yellow"),
    ),
    Occasion(
        "Mother's Day card",
        _phrases("Happy Mother's Day | Best Mum Ever | Love you Mum | World's best mom"),
        _phrases("tulip | rose | bouquet of flowers | red heart | cup of coffee | butterfly | hibiscus"),
        _phrases("light pink | peach | lavender | cream | white | coral"),
    ),
    Occasion(
        "Father's Day card",
        _phrases("Happy Father's Day | Best Dad Ever | Super Dad | No. 1 Dad"),
        _phrases("necktie | trophy | mug of beer | car | toolbox | superhero | fishing pole | top hat"),
        _phrases("sky blue | navy blue | beige | teal | light gray | mint"),
    ),
    Occasion(
        "New Year card",
        _phrases("Happy New Year | Happy New Year {Y} | Hello {Y} | Cheers to {Y} | Goodbye {Y}"),
        _phrases(
            "fireworks | pair of clinking glasses | bottle of champagne | party popper | sparkles | "
            "star | confetti ball"
        ),
        _phrases("navy blue | black | dark purple | gold | white"),
    ),
    Occasion(
        "welcome home card",
        _phrases("Welcome Home | Home Sweet Home | New Home | Welcome back {N}"),
        _phrases("house | house with a garden | key | potted plant | door"),
        _phrases("cream | light blue | mint | peach"),
    ),
    Occasion(
        "farewell card",
        _phrases("Goodbye {N} | We will miss you | Bon Voyage | Good luck {N} | See you soon!"),
        _phrases("airplane | suitcase | sailboat | waving hand | globe"),
        _phrases("sky blue | cream | turquoise | peach"),
    ),
)


@dataclass(frozen=True)
class RoadSign:
    """A kind of road sign: nouns, panel style, fill and letter colour, what it says."""

    nouns: tuple[str, ...]
    style: str
    fill: str
    ink: str
    phrases: tuple[str, ...]


ROAD_SIGNS = (
    RoadSign(
        _phrases("motorway sign | highway sign | road sign"),
        "sign",
        "green",
        "white",
        _phrases(
            "{P} {d} km | EXIT {d} | Airport | {P} | City Centre | {P} {d} miles | Next Services {d}m | North {P}"
        ),
    ),
    RoadSign(
        _phrases("diamond warning sign | warning sign | caution sign"),
        "diamond",
        "yellow",
        "black",
        _phrases(
            "SLOW | CAUTION | BUMP | DIP | ICE | WET PAINT | DEAD END | KEEP CALM | FALLING ROCKS | "
            "DUCKS | LOOK UP | NO EXIT | DETOUR | AHEAD"
        ),
    ),
    RoadSign(
        _phrases("road sign | traffic sign"),
        "sign",
        "yellow",
        "black",
        _phrases(
            "CAUTION | WET FLOOR | MIND THE GAP | BEWARE OF THE {O} | {O} CROSSING | ROAD WORK | "
            "SCHOOL ZONE | SPEED BUMPS"
        ),
    ),
    RoadSign(
        _phrases("tourist sign | road sign"),
        "sign",
        "brown",
        "white",
        _phrases(
            "{P} Castle | Zoo | Museum | Beach | Lake {N} | National Park | Campsite | Old Town | "
            "Farm Shop | View Point"
        ),
    ),
    RoadSign(
        _phrases("road sign | information sign"),
        "sign",
        "blue",
        "white",
        _phrases(
            "Parking | Hospital | Tourist Info | Bus Stop | One Way | Ferry | Toilets | Cycle Route | Station | Taxi"
        ),
    ),
    RoadSign(
        _phrases("octagonal road sign | stop sign"),
        "octagon",
        "red",
        "white",
        _phrases("STOP | HALT | WAIT | NO"),
    ),
    RoadSign(
        _phrases("street sign | road sign"),
        "sign",
        "white",
        "black",
        _phrases("{W} Street | {W} Lane | {N} Road | {W} Avenue | High Street | {W} Hill | {W} Square"),
    ),
    RoadSign(
        _phrases("speed limit sign | round road sign"),
        "circle",
        "white",
        "black",
        _phrases("20 | 30 | 40 | 50 | 60 | 70 | 80 | 100"),
    ),
)
# {O}: things short enough to be written
THINGS = _phrases("""
    cat | dog | taco | pizza | banana | cookie | robot | fox | panda | sandwich | cactus | rocket | penguin | donut |
    guitar | duck | bee | owl | bear | cake
""")

# printed on T-shirts, mugs and bags; Fam, Squad, Crew as families have them made
SHIRTS = _phrases("""
    Fam | Thanksgiving Fam | {W} Squad | Team {N} | Team {W} | Born to {X} | I love {P} | {P} {Y} | Birthday Crew |
    Best {F} Ever | Eat Sleep {X} | {A} Soul | Just {X} it | Hello {P} | {W} Crew | Be Kind | Good Vibes |
    Class of {Y} | Music Lover | Cat Mom | Dog Dad | Coffee First | No Bad Days | Run {P} |
    {W} Lover | Stay Wild | Dream Team
""")
MUGS = _phrases("""
    Good Morning | Best {F} Ever | But first, coffee | World's Best {F} | Hello {N} | Tea Time | I love {W} |
    Monday Mood | {N}'s Mug | Drink Me | Wake Up | Coffee Time | Cat Lover | {A} Days | Be Happy | Boss
""")
CAKES = _phrases("""
    Happy Birthday | Happy Birthday {N} | {N} is {n} | Happy {n}th Birthday | Congrats {N} | Well Done {N} |
    Just Married | Good Luck {N} | Happy Birthday {F} | Best Wishes | Welcome Home | Eat Me | Love You {F}
""")

# (canonical object, nouns people use, what is written on it)
PRODUCTS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("t-shirt", _phrases("t-shirt | T-shirt | tshirt | T shirt | shirt"), SHIRTS),
    ("t-shirt", _phrases("t-shirt | T-shirt | mens t-shirt | womens t-shirt"), SHIRTS),
    ("cup of coffee", _phrases("mug | coffee mug | cup of coffee | cup"), MUGS),
    ("birthday cake", _phrases("birthday cake | cake | birthday cake"), CAKES),
    ("shortcake", _phrases("slice of cake | piece of cake"), CAKES),
    ("gift box", _phrases("gift box | gift | present"), CAKES),
    ("balloon", _phrases("balloon | party balloon"), CAKES),
    ("backpack", _phrases("backpack | school bag"), SHIRTS),
    ("baseball cap", _phrases("baseball cap | cap"), SHIRTS),
    ("skateboard", _phrases("skateboard"), SHIRTS),
    ("handbag", _phrases("handbag | bag"), SHIRTS),
    (
        "delivery truck",
        _phrases("delivery truck | truck"),
        ("{W} Express", "{N}'s {W}", "{W} & Co.", "Fast {W}", "{S} & Sons", "{X}"),
    ),
)
SPEED_NOUNS = ("speed limit sign", "round road sign")

BOOKS = _phrases("""
    The {A} {W} | {A} {W} | {W} and {W} | The {W} of {P} | The {W} | A {A} {W} | {N} and the {W} | Learn {X} |
    The Art of {X} | How to {X} | {W} {W} | A Guide to {P} | Last {W} | Deep Learning | The {A} {W}
""")
AUTHORS = _phrases("{N} {S} | {N} {S} | by {N} {S} | J. {S} | {S}")
BOOK_LINES = _phrases("A Novel | Volume 2 | Book One | Stories | Second Edition | A Memoir | Poems")

BRANDS = _phrases("""
    {W} | {W}ly | {W} Co. | {W} Labs | {W} & {W} | {W} Studio | {W} Tech | {W}Hub | {W} Group | {A} {W} | {A}{W} | {X} |
    {X} | {N}'s {W} | {X} Bank | {P} Air
""")
SHOP_NAMES = _phrases("""
    {N}'s | The {W} | {W} | Old {W} | {S} & Sons | {P} | Blue {W} | {N} & {M} | Uncle {N}'s | {W} & Co. | Red {W}
""")
STOREFRONTS = _phrases("""
    Hello World | Deep Learning | Open | {W} | {N}'s | The {A} {W} | {P} | {X} | {X} {W} | Welcome | Fresh {W} | {A} {W}
""")

JOBS: dict[str, tuple[str, ...]] = {
    "Baker": ("baguette", "cupcake"),
    "Gardener": ("potted plant", "seedling"),
    "Plumber": ("spanner", "water drop"),
    "Artist": ("paint palette",),
    "Teacher": ("open book", "pencil"),
    "Chef": ("frying pan",),
    "Dentist": ("tooth",),
    "Pilot": ("airplane",),
    "Builder": ("hammer", "brick"),
    "Tailor": ("sewing needle", "spool of thread"),
    "Writer": ("pen nib", "pencil"),
    "Florist": ("rose", "tulip"),
    "Barber": ("barber pole",),
    "Vet": ("dog", "cat"),
    "Doctor": ("stethoscope",),
    "Driver": ("taxi", "car"),
    "Coach": ("soccer ball", "trophy"),
}
CARD_LINES = _phrases(
    "with love | From {N} | love from {N} | To {N} | Dear {N} | xoxo | Best wishes | Love, {N} | Enjoy!"
)
BANNERS = _phrases("""
    Welcome | Welcome {N} | Congratulations {N} | Happy {D} | We love {P} | Go {W}! | Vote {S} | Finish Line |
    Good luck {N} | Bon Voyage | Happy Birthday {N} | Grand Opening | {W} Festival | Hello {W}
""")
TICKET_LINES = _phrases("""
    {D} {t} | {d} {B} | Admit One | ADMIT ONE | Seat {d} | Row {e} | {d} {B} {Y} | No. {q} | ${d}.00 | Doors {t}
""")
POSTCARDS = _phrases("Greetings from {P} | Visit {P} | {P} | Hello from {P} | Explore {P} | Wish you were here")


def random_word(rng: random.Random, assets: Assets) -> str:
    """An English word in lower case, easy ones preferred."""
    return rng.choice(assets.easy if rng.random() < 0.75 else assets.words)


def _clock(rng: random.Random) -> str:
    h = rng.randint(1, 12)
    return rng.choice([f"{h}pm", f"{h}am", f"{h}:{rng.choice(['00', '15', '30', '45'])}", f"{h}.30pm", f"{h} PM"])


_FILLERS: dict[str, Callable[[random.Random, Assets], str]] = {
    "N": lambda r, a: r.choice(NAMES),
    "M": lambda r, a: r.choice(NAMES),
    "S": lambda r, a: r.choice(SURNAMES),
    "F": lambda r, a: r.choice(FAMILY),
    "P": lambda r, a: r.choice(PLACES),
    "D": lambda r, a: r.choice(DAYS),
    "B": lambda r, a: r.choice(MONTHS),
    "A": lambda r, a: r.choice(ADJECTIVES).title(),
    "W": lambda r, a: (r.choice(NOUNS) if r.random() < 0.5 else random_word(r, a)).title(),
    "w": lambda r, a: r.choice(NOUNS),
    "X": lambda r, a: random_word(r, a).title(),
    "O": lambda r, a: r.choice(THINGS),
    "I": lambda r, a: r.choice(GOODS),
    "E": lambda r, a: r.choice(MEME_ENDS),
    "n": lambda r, a: str(
        r.choice((4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 18, 20, 25, 30, 40, 50, 60, 70, 80, 90, 100))
    ),
    "d": lambda r, a: str(r.randint(1, 28)),
    "e": lambda r, a: str(r.randint(1, 12)),
    "q": lambda r, a: f"{r.randint(0, 9999):04d}",
    "t": lambda r, a: _clock(r),
    "p": lambda r, a: str(r.choice((5, 10, 15, 20, 25, 30, 40, 50, 60, 70, 75, 80))),
    "Y": lambda r, a: str(r.randint(2019, 2032)),
    "Z": lambda r, a: str(r.randint(1870, 2020)),
}


def fill(template: str, rng: random.Random, assets: Assets) -> str:
    """The template with every placeholder replaced.

    Raises:
        KeyError: an unknown placeholder.
    """
    text = re.sub(r"\{(\w)\}", lambda m: _FILLERS[m[1]](rng, assets), template)
    return re.sub(r"\b([Aa]) (?=[AEIOUaeiou])", r"\1n ", text)


def random_phrase(rng: random.Random, assets: Assets, least: int = 1, most: int = 3) -> str:
    """Words that need not make sense, in any case, sometimes with a mark or a number: 1 to `most` words."""
    kind = rng.random()
    if kind < 0.35:
        text = f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}"
    elif kind < 0.42:
        text = f"{rng.choice(NOUNS)} & {rng.choice(NOUNS)}"
    else:
        text = " ".join(random_word(rng, assets) for _ in range(rng.randint(least, most)))
    text = rng.choice((str.title, str.title, str.capitalize, str.upper, str.lower))(text)
    return text + rng.choice(("!", "?", f" {rng.randint(2, 99)}")) if rng.random() < 0.1 else text


def held_out_text(text: str, assets: Assets) -> bool:
    """Whether training must not see this text: the phrase is held out, or one of its uncommon words is."""
    words = re.findall(r"[a-z]+", text.lower())
    rare = (w for w in words if len(w) > 2 and w not in _BANK_WORDS and w not in assets.common)
    return held_out("phrase", " ".join(text.lower().split())) or any(held_out("word", w) for w in rare)


def draw(make: Callable[[], str], assets: Assets, split: Split, tries: int = 60) -> str:
    """A text that belongs to the split.

    Raises:
        NoFit: none found.
    """
    for _ in range(tries):
        text = make()
        if text and held_out_text(text, assets) == (split == "test"):
            return text
    raise NoFit


def _bank_words() -> frozenset[str]:
    """Words of the banks, in lower case: never held out."""
    found: set[str] = set()
    for name, value in globals().items():
        if name.isupper() and not name.startswith("_"):
            found.update(re.findall(r"[a-z]+", re.sub(r"\{\w\}", " ", repr(value)).lower()))
    return frozenset(found)


_BANK_WORDS = _bank_words()
