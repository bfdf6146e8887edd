"""Phrasings of questions about images: one bank for training, another for evaluation.

A key is a kind of question, or "kind.case" where the wording depends on the case. Fields: {t} what the image is called,
{q} a quoted text, {a} a thing with its article ("a dog", "fireworks"), {x} the same without ("dog"), {xs} its plural,
{any} "any dogs", {is} and {are} "is"/"are" and "Is"/"Are" for what follows, {isthere} "is there"/"are there",
{p} a place ("at the top"), {b} and {c} two further things with "the".
"""

from __future__ import annotations

Bank = dict[str, tuple[str, ...]]


def _bank(text: str) -> Bank:
    """Sections of one phrasing a line, each headed by its [key]."""
    bank: dict[str, list[str]] = {}
    key = ""
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("["):
            key = line.strip("[]")
            bank[key] = []
        else:
            bank[key].append(line)
    return {k: tuple(v) for k, v in bank.items()}


TRAINING = _bank("""
[caption]
Describe the {t}.
Describe this {t} in detail.
What is shown in this {t}?
What do you see?
What does the {t} show?
Write a caption for this {t}.
Caption this {t}.
Give a full description of the {t}.
Explain what is in the {t}.
Tell me about this {t}.
What's in this {t}?
What is this a {t} of?
Can you describe this {t}?
Describe what you see.
whats in the {t}
What can be seen here?
What is going on in this {t}?
What am I looking at?
Please explain this {t} to me.
Describe everything in the {t}.
Give me a complete description.
How would you describe this {t}?
Say what is in the {t}.
I want to know what this {t} shows.
Tell a friend what this {t} looks like.
What would you tell someone who has not seen this {t}?
Write a description of the {t} for a screen reader.
Write one full sentence about the {t}.
Describe the whole {t}, with its text.
What does this {t} look like?
Let me know what you see in this {t}.
Talk about the {t}.
Report what the {t} contains.
Which scene does this {t} present, and what does it say?
I can't see the {t}. What is on it?
My screen is broken: what does the {t} look like?
Imagine you are on the phone: describe the {t}.
Show me in words what is on the {t}.
What should I know about this {t}?
Details of the {t}, please.
Make a caption.
Draft a caption that covers all of the {t}.
Go over the {t} and describe it.
Look at the {t} and tell me everything.
Turn this {t} into text.
Which things, colours and words are on this {t}?
Give an overview of the {t}.
Present this {t} to a listener.
Now describe it.
Your description of this {t}?
A description, please.
[short_caption]
Describe the {t} briefly.
Give a short caption.
Write a short caption for this {t}.
Caption this {t} in a few words.
Describe it in a few words.
Summarise the {t}.
Sum up this {t} in one line.
What is in the {t}, in short?
Give me a brief description.
Short description of the {t}.
In a few words, what does the {t} show?
Keep it short: what is this?
One-line caption.
short caption pls
Describe the {t} in one phrase.
What is it, roughly?
Give the gist of the {t}.
A short title for this {t}?
Very short: what is in the {t}?
Name the main things on this {t} in a few words.
Just a few words about the {t}.
Write a brief alternative text.
Say it in under ten words: what is this?
Quick summary of the {t}.
Tell me in brief what you see.
Make it brief: describe the {t}.
How would you sum it up?
Give this {t} a short label.
[read]
What does the text say?
Read the text in the {t}.
What is written here?
What is written on the {t}?
Transcribe all text.
Transcribe the text in this {t}.
What text is in the {t}?
Which words appear on the {t}?
Read it out.
What does it say?
What does this {t} say?
Read the words.
Write down the text you see.
Extract the text.
OCR this {t}.
Can you read the text?
What words can you see?
Give me the text of this {t}.
whats written here
what does it say
What letters are on the {t}?
Type out the text.
Please type what is written.
I need the text of this {t}.
Say the words on the {t}.
Which sentence is on the {t}?
What is the wording on this {t}?
Tell me exactly what is written.
Reproduce the text of the {t}.
Put the text here.
Read aloud what the {t} says.
Look at the letters: what do they spell?
What has been written?
What do the letters spell?
Write the text down for me.
Text of the {t}?
What message does the {t} carry?
Repeat what is written.
I can't read it. What does it say?
Convert the {t} to text.
All the words, please.
Every word on this {t}: what are they?
[read_where]
What does the text {p} say?
Read the text {p}.
What is written {p}?
Which words are {p}?
What text is {p}?
Transcribe the text {p}.
What does it say {p}?
Tell me what is written {p}.
What are the words {p}?
Can you read the text {p}?
Give me the text {p}.
Read what stands {p}.
whats written {p}
{p}, what does it say?
[read_where.line]
What does the {n} text say?
Read the {n} text.
What is the {n} text in the {t}?
What does the {n} of the texts say?
Transcribe the {n} text.
Which words make up the {n} text?
Give me the {n} text.
What is written as the {n} text?
Tell me the {n} text on the {t}.
Can you read the {n} text?
Write down the {n} text.
whats the {n} text
[read_where.near]
What is written {p} the {x}?
What does the text {p} the {x} say?
Read the text {p} the {x}.
Which words stand {p} the {x}?
What text is {p} the {x}?
What does it say {p} the {x}?
Transcribe the text {p} the {x}.
Tell me what is written {p} the {x}.
Can you read the text {p} the {x}?
Give me the words {p} the {x}.
What are the words {p} the {x}?
whats written {p} the {x}
[text_colour]
What colour is the text {q}?
Which colour are the letters of {q}?
What colour is {q} written in?
In which colour is {q} written?
What is the colour of the text {q}?
What is the text colour of {q}?
Tell me the colour of {q}.
Name the colour of the words {q}.
{q} is written in which colour?
What colour does the text {q} have?
What colour are the words {q}?
Which colour has the text {q}?
what colour is {q}
{q}: in which colour?
Which colour was used for the text {q}?
Look at {q}: what colour are its letters?
[text_colour.all]
What colour is the text?
What colour are the letters?
In which colour is the text written?
What is the text colour?
Which colour is the writing?
Tell me the colour of the text.
Name the colour of the letters.
What colour is the lettering?
What colour are the words?
What is the colour of the text in this {t}?
Which colour do the letters have?
What colour is the font?
what colour is the text
Which colour was used for the text?
Look at the letters: what colour are they?
Say the colour of the writing.
[text_place]
Where is the text {q}?
In which part of the {t} is {q} written?
Where does it say {q}?
Where is {q} written?
Where do you see {q}?
Where in the {t} is the text {q}?
What is the position of the text {q}?
Tell me where {q} is.
Where are the words {q}?
In what position is {q}?
Where does {q} appear?
Where can I find the text {q}?
where is {q}
{q}: where is it?
Look for {q} and say where it is.
Where has {q} been written?
On which part of the {t} do you read {q}?
[background_colour]
What colour is the background?
Which colour is the background?
What is the background colour?
Background colour?
Tell me the colour of the background.
Name the background colour.
What colour is the background of this {t}?
What's the colour of the background?
In which colour is the background painted?
What is the main colour of the background?
What colour does the background have?
The background is which colour?
what colour is the background
Which colour has the {t} as background?
Behind everything, what colour is there?
What colour was used for the background?
What colour fills the background?
Which colour lies behind the text?
Look at the background. What colour is it?
The colour behind it all?
Just the background colour, please.
What is the colour of the area around the objects?
What colour surrounds the text?
If you remove everything else, what colour is left?
On what colour is this printed?
Say the colour of the background.
What colour is behind the objects?
How would you call the colour of the background?
Apart from the objects and the text, what colour is this {t}?
[background_kind]
What is in the background?
Describe the background.
What does the background show?
What is the background?
What can you see in the background?
What is behind the objects and the text in the background?
What's the background of this {t}?
What kind of background is it?
Tell me what is in the background.
What does the background look like?
What is used as the background?
Name what is in the background.
What kind of background does the {t} have?
whats in the background
What is behind everything?
What is the text placed on?
Say what the background is.
What fills the background?
What is there behind the objects?
Tell me about the background.
Is the background plain, a pattern or a place?
Look behind the text: what is there?
[count]
How many {xs} are there?
Count the {xs}.
How many {xs} can you see?
What is the number of {xs}?
How many {xs} are in the {t}?
How many {xs} does the {t} show?
Tell me how many {xs} there are.
How many {xs} do you see?
Give the number of {xs}.
What number of {xs} is shown?
Number of {xs}?
Please count the {xs} in this {t}.
how many {xs}
How many {xs} are pictured?
What is the count of {xs}?
Do you know how many {xs} there are?
How many of the objects are {xs}?
Look for {xs}. How many are there?
I would like to know how many {xs} there are.
Find all {xs} and count them.
How many times do {xs} appear?
In numbers: how many {xs}?
How many {xs} have been drawn?
[total]
How many objects are there in total?
How many objects are shown?
Count all the objects.
How many objects can you see?
What is the total number of objects?
How many things are pictured?
How many objects does the {t} show?
Count the pictured objects.
How many objects are in the {t}?
Tell me the number of objects.
How many objects are there altogether?
Give the total number of objects.
how many objects are there
How many items are there in all?
Counting everything but the text, how many objects are there?
All objects together: how many?
What is the count of all objects?
How many objects have been drawn?
[objects]
What objects are shown?
List the objects.
Which things are pictured?
Which objects can you see?
What objects are in the {t}?
Name the objects in this {t}.
What is depicted on the {t}?
What things does the {t} show?
Which objects does the {t} contain?
Tell me which objects you see.
What is pictured?
List what is pictured in the {t}.
Name everything that is pictured.
what objects are there
Besides the text, what is shown?
Which objects are there?
What is there besides the words?
Apart from the text, what do you see?
What has been drawn?
Which pictures are on the {t}?
Say which objects are on the {t}.
What things can be seen?
Give me a list of the objects.
Make a list of what is pictured.
What does the picture part show?
Look past the text: which objects are there?
Not the text, the objects: which are they?
Ignoring the words, what is on the {t}?
What illustrations does it have?
Which objects did somebody put on this {t}?
[object_colour]
What colour {is} the {x}?
Which colour {is} the {x}?
What is the colour of the {x}?
What colour {is} the {x} in the {t}?
Tell me the colour of the {x}.
Name the colour of the {x}.
What is the main colour of the {x}?
What colour {is} the {x} mostly?
The {x} {is} which colour?
Which colour best describes the {x}?
What colour would you say the {x} {is}?
In which colour {is} the {x} shown?
what colour {is} the {x}
The {x}: which colour?
What colour was the {x} given?
Look at the {x}. What colour do you see?
Say the colour of the {x}.
Which colour was used for the {x}?
[position]
Where {is} the {x}?
In which part of the {t} {is} the {x}?
What is the position of the {x}?
Where in the {t} {is} the {x}?
Where can you see the {x}?
Tell me where the {x} {is}.
Where {is} the {x} placed?
Where {is} the {x} located?
Locate the {x}.
Whereabouts {is} the {x}?
Find the {x}. Where {is} it?
Where do you see the {x}?
where {is} the {x}
The {x}: where?
Where did somebody put the {x}?
Look for the {x} and say where it is.
Where does the {x} appear?
On which part of the {t} do you see the {x}?
Say where the {x} {is}.
[relation]
Where is {b} relative to {c}?
On which side of {c} is {b}?
Seen from {c}, where is {b}?
Where is {b} with respect to {c}?
Where is {b} compared with {c}?
What is the position of {b} relative to {c}?
Tell me where {b} is, relative to {c}.
Relative to {c}, where is {b}?
Is {b} left of, right of, above or below {c}?
In which direction from {c} is {b}?
Where do you find {b} if you look from {c}?
where is {b} relative to {c}
[relation.left]
Is {b} to the left or to the right of {c}?
Is {b} left or right of {c}?
Which side of {c} is {b} on, left or right?
[relation.above]
Is {b} above or below {c}?
Is {b} higher or lower than {c}: above or below?
Do you see {b} above or below {c}?
[relation.what]
What is {p} the {x}?
Which object is {p} the {x}?
What do you see {p} the {x}?
What is pictured {p} the {x}?
What can be seen {p} the {x}?
Name the object {p} the {x}.
Tell me what is {p} the {x}.
Which thing is {p} the {x}?
What stands {p} the {x}?
Look {p} the {x}. What is there?
What object do you find {p} the {x}?
whats {p} the {x}
[presence]
{Isthere} {a}?
{Isthere} {a} in the {t}?
Can you see {a}?
Can you see {a} in the {t}?
Does the {t} show {a}?
Do you see {a}?
Do you see {a} here?
Does this {t} contain {a}?
{Is} {a} visible?
{Isany} {any} in this {t}?
Can you see {any}?
Does the {t} have {a} in it?
Are you able to spot {a}?
{Is} {a} pictured?
Tell me whether there {is} {a}.
Can {a} be seen in the {t}?
{isthere} {a}
do you see {a}
Look for {a}. {Is} it there?
Is it true that there {is} {a}?
Did somebody draw {a}?
Yes or no: {isthere} {a}?
Could that be {a} in the {t}?
Do you notice {a}?
I am looking for {a}. Is it in the {t}?
Would you say there {is} {a}?
Among the objects, {isthere} {a}?
Check for {a}: yes or no?
Does {a} appear?
Was {a} drawn?
[text_presence]
Does the text say {q}?
Is {q} written in the {t}?
Does it read {q}?
Does it say {q}?
Is the text {q} in this {t}?
Does the {t} contain the text {q}?
Can you read {q} somewhere?
Does {q} appear in the {t}?
Do you see the text {q}?
Is {q} written here?
Does the {t} say {q}?
Is it true that it says {q}?
Can {q} be read in the {t}?
does it say {q}
Look for {q}: is it there?
Yes or no: does it say {q}?
Would I read {q} on it?
Are the words {q} on the {t}?
Did somebody write {q}?
Check the text: does it read {q}?
[scene]
What type of image is this?
What kind of image is this?
What type of design is this?
What kind of design is it?
What is this?
What sort of {t} is this?
Which kind of picture is this?
Is this a poster, a card, a sign or something else?
What does this look like: a card, a sign, a poster?
What kind of thing is this?
Name the type of this design.
Tell me what kind of picture this is.
what kind of picture is this
A card, a sign, a poster, a ticket: which of them is it?
What would you call this type of {t}?
What was this made to be?
What is the format of this design?
What could this be used as?
Say what type of thing this is.
[style]
In what style are the objects drawn?
What is the drawing style?
Which style are the objects in?
How are the objects drawn?
What style of artwork is this?
In which style is the {t} drawn?
What is the style of the artwork?
Describe the style of the objects.
What art style is used?
Name the drawing style.
Are the objects drawn in 3D, flat or as silhouettes?
Is it 3D, flat or a silhouette?
what style is it
Is the artwork flat, in 3D or a silhouette?
Which style of drawing is it?
How was this drawn?
[any_text]
Is there any text in the {t}?
Does the {t} contain text?
Is there any text?
Is there text in this {t}?
Does the {t} have any writing on it?
Is anything written here?
Are there any words in the {t}?
Do you see any text?
Can you see any words?
Is there something written in the {t}?
Is there writing on the {t}?
Does this {t} have words on it?
any text here
Is something written?
Can anything be read in the {t}?
Are letters visible?
Does it have text?
Yes or no, is there text?
Do letters appear on the {t}?
Is there anything to read?
Would I find words on this {t}?
Has anything been written on the {t}?
Is the {t} free of text, or is there some? Yes if some.
[place]
Where is this?
What place is shown?
What place does the {t} show?
Where was this {t} taken?
What kind of place is this?
What scene is shown in the {t}?
Which scene do you see?
What does the {t} show?
What is the scene?
Name the scene.
Describe the scene.
Tell me where this is.
where is this
[subject]
What is this?
What is this a {t} of?
What does the {t} show?
What is shown in the {t}?
What is in this {t}?
What do you see in the {t}?
What can you see?
What has been photographed?
Name what you see.
Tell me what this is.
What is pictured here?
Identify what is in the {t}.
whats this
[this_is]
Is this a picture of {a}?
Does the {t} show {a}?
Is {a} shown here?
Do you see {a}?
Is this {a}?
Can you see {a} in the {t}?
Does this look like {a}?
Is it {a}?
Is this {t} of {a}?
Is {a} what the {t} shows?
Are we looking at {a}?
is this {a}
""")

HELD_OUT = _bank("""
[caption]
Put into words everything this {t} has to offer.
I cannot view it myself, so paint it for me with sentences.
Suppose I were blind: how would you explain the {t} to me?
Compose a sentence or two about the contents of the {t}.
Walk me through the {t}.
An accurate account of the {t}, if you would.
Talk me through everything you can see in this {t}, please, and don't skimp on the details.
Full description of the {t}.
Could you to explain me what is in this {t}, with all the details?
I should be grateful for a thorough account of the contents of this {t}.
Pretend I've got my eyes shut and paint the whole {t} for me in words!
My screen reader gives me nothing here, so what does the {t} look like from top to bottom?
[short_caption]
A handful of words for this {t}, no more.
Boil the {t} down to its essentials.
How would you label this {t} in a catalogue?
Condense what is visible into a single phrase.
Suggest a compact alt text.
Be concise and say what the {t} depicts.
Sum up the {t} in a handful of words.
What's this, in a nutshell?
Just give me the gist of the {t}, I'm in a bit of a rush.
Please, only one small sentence about this {t}.
Kindly provide a concise caption, no longer than a single line.
Tweet-sized version of this {t}, if you'd be so kind?
[read]
Spell out every word printed in this {t}.
Copy the lettering exactly as it stands.
Repeat the message on the {t} word for word.
If I typed out this {t}, what would I type?
Quote the inscription.
Which message is it trying to get across in letters?
Recite the wording.
Somebody printed a message here. What is the message?
Type out all the wording on the {t} for me, would you?
I forgot my glasses, so could you read me every word that's on there?
Please, what says the {t}? I need all the words.
A complete and exact transcription of any writing in the {t} is required.
Be my parrot: repeat whatever is written in this {t}, word for word!
[read_where]
Quote the words that stand {p}.
Looking only {p}, what can be read?
Copy the lettering found {p}.
I want to know the wording {p}.
There is lettering {p}: quote it.
[read_where.line]
Quote the {n} string of letters.
Going from top to bottom, how does the {n} piece of writing go?
Copy out whichever wording comes {n}.
I need the wording that comes {n}.
Of all the lettering, repeat the {n} piece.
[read_where.near]
Quote the lettering {p} the {x}.
Looking {p} the {x}, what can be read?
Copy the wording found {p} the {x}.
There is lettering {p} the {x}: quote it.
I want to know the wording {p} the {x}.
[text_colour]
If you had to pick a pen to copy {q}, which shade would it be?
The lettering {q} has been set in what hue?
Look at {q} and give me its tint.
Which ink was used to print {q}?
How would you name the shade of {q}?
Colour of the text {q}?
Please, the letters of {q} have which colour?
I'd love to know which colour they went for with the words {q}.
Could you state the colour used for the lettering that reads {q}?
Which pot of ink would you dip into to write {q} just as it looks in the {t}?
[text_colour.all]
Which ink was the lettering printed with?
If you copied the writing, which shade of pen would you take?
The lettering has been set in what hue?
How would you name the shade of the letters?
Give me the tint of the typography.
[text_place]
Point out the spot that holds {q}.
Whereabouts should I look to read {q}?
Guide my eyes to {q}: where should they go?
At what spot has {q} been printed?
Say which area {q} occupies.
Location of {q} in the {t}, please.
I've been hunting for the words {q} in this {t}, can you point me to the right spot?
In which part of the {t} they have put {q}?
Please specify where the text {q} is situated.
Is {q} up at the top, down at the bottom, or somewhere in between?
[background_colour]
Ignore text and objects: which shade fills the rest?
Everything has been laid on top of what hue?
How would you name the shade behind it all, the background?
Which paint would I need for the backdrop?
Identify the hue of the backdrop.
Behind everything else, which shade fills the {t}?
Please, the colour at the back of the {t}, how is it called?
I'm trying to match the backdrop of this {t} with some paint, so which colour should I be looking for?
Would you identify the colour against which the contents of the {t} are set?
[background_kind]
Ignore whatever is in front; what lies behind it?
Everything has been placed on top of what?
How would you characterise the backdrop?
Say a few words about the backdrop.
Against which setting is all this shown?
What sort of background has the {t} got?
Is it plain at the back, or patterned, or an actual place?
Describe the backdrop only.
Ignore the stuff in front for a second: what's going on behind it all?
Please state whether the {t} is set against a solid fill, a pattern or a setting of some kind.
The background of this {t}, what is it exactly? One colour only, some pattern, some location?
[count]
Work out the quantity of {xs} on display.
If I collected all the {xs}, how large would my collection be?
Give me a figure: the {xs} come to what?
State the tally of {xs}.
The {t} features what quantity of {xs}?
Count up the {xs} for me, will you?
Please, I want to know the quantity of {xs} in this {t}.
Time for a spot of counting: {xs}, how many have we got?
Could you tell me exactly how many {xs} the {t} depicts?
[total]
Add up every item on display.
Taking every item together, what figure do you reach?
State the tally of all items drawn.
The {t} features what quantity of items?
Text aside, work out how large the collection of items is.
How many objects does the {t} show altogether?
Total object count, please.
If you add up every single thing drawn here, what number do you get?
All the objects together in this {t}, it makes how many?
I lost track halfway through, so could you count all the items in the {t} for me?
Please state the overall number of objects depicted, whatever their kind.
[objects]
Enumerate whatever has been drawn.
Leave the lettering aside and inventory the rest.
If you cut out every item, what would you be holding?
Which items did the artist include?
Make an inventory of the {t}.
Which objects appear in the {t}?
Leaving the words aside, what things can you spot here?
List the items shown, no text.
Never mind the lettering, I just want to know what's been drawn in this {t}.
What are the things that one can see on the {t}, without counting the writing?
Kindly enumerate the objects depicted, disregarding any written matter.
[object_colour]
Pick the hue that suits the {x}.
To draw the {x}, I should grab which crayon?
How would you name the shade of the {x}?
The artist has given the {x} what hue?
Identify the dominant hue of the {x}.
Colour of the {x}, please.
I can't make out the {x} very well, what colour have they made it?
Please tell me, the {x} in this {t} is of which colour?
Could you specify the colour in which the {x} is depicted?
If I wanted to draw that {x} myself, which crayon should I pick up?
[position]
Point out the spot that holds the {x}.
Guide my eyes to the {x}: where should they go?
Say which area the {x} occupies.
At what spot has the artist put the {x}?
Whereabouts should I look for the {x}?
Where's the {x} in the {t}?
Position of the {x}?
Whereabouts should I look if I want to find the {x}?
The {x}, it is on which side of the {t}, please?
Please indicate the part of the {t} in which the {x} is located.
Top, bottom, left, right, middle... come on, where have they stuck the {x}?
[relation]
Take {c} as reference and say how {b} lies.
Starting at {c}, which way must I go to reach {b}?
How does {b} lie when judged against {c}?
Give the direction leading from {c} towards {b}.
To get from {c} to {b}, my finger moves to which side?
[relation.left]
To get from {c} to {b}, do I move left or right?
Pick a side, left or right: {b} lies on which one of {c}?
Left or right of {c}, which holds for {b}?
Does {b} lie on the left or on the right when judged against {c}?
Judged from {c}, does {b} lie left or right?
[relation.above]
To get from {c} to {b}, do I move up (above) or down (below)?
Above or below {c}, which holds for {b}?
Judged from {c}, does {b} lie above or below?
Choose above or below: how does {b} lie against {c}?
Does one find {b} above {c}, or rather below it?
[relation.what]
The item {p} the {x} would be what?
Identify whatever the artist put {p} the {x}.
Starting at the {x}, I look {p} it; what meets my eye?
{p} the {x} the artist drew something: what?
Say what lies {p} the {x}.
[presence]
Would I find {a} if I looked closely?
Has the artist included {a}?
True or not (yes or no): {a} can be found here.
Yes or no: did anyone draw {a}?
Check the {t} for {a}; any luck?
Might {a} be hiding somewhere in it?
Is it correct to claim that it depicts {a}?
I am looking for {a}. Any in there?
Can you see {a} anywhere in the {t}?
Does the {t} happen to include {a}?
I was told I'd find {a} in this {t}, is that right?
Please to check for me, it has {a} inside or not?
Peekaboo! Is {a} hiding somewhere in here?
[text_presence]
Yes or no: somebody printed {q} on it.
Would I come across the wording {q}?
Check for the wording {q}; any luck?
True or not (yes or no): the lettering reads {q}.
Has {q} been printed anywhere?
Is it correct to claim that the message is {q}?
Does it say {q} anywhere?
Text check: {q}, yes or no?
I'm after the wording {q}, so can you tell me if it's on there?
Please verify whether the {t} bears the inscription {q}.
The words {q}, one can read them in this {t} or not?
[scene]
Under which category would you file this?
What purpose might this {t} serve?
Classify the {t}.
If this were for sale, the shop would call it what?
Pick the category that fits.
What type of design am I looking at?
Poster, card, sign, ticket: which is it?
What's this meant to be, a label or an invitation or something else entirely?
Please, how do you call this kind of design?
Kindly classify this piece according to the sort of printed item it represents.
If I came across this out in the wild, would it be a road sign, a shop ticket, a greeting card, or what?
[style]
How did the artist render the items?
Which technique has the illustrator chosen?
Classify the look of the illustrations.
Characterise the rendering technique.
Under which look would you file the artwork?
What drawing style are the objects in?
Flat, 3D or silhouette?
How have the things in this {t} been drawn, would you say?
Please, the objects are made in which style: with volume, flat, or only dark shapes?
Kindly characterise the manner in which the objects in the {t} are rendered.
Are these objects nice and chunky, flat as a pancake, or mere shadows of themselves?
[any_text]
Would a reader find letters anywhere?
Has somebody put lettering on it?
Yes or no: letters occur.
Has it any lettering at all?
Check it for lettering; any luck?
Any words on it?
Does this {t} have something written on it, yes or no?
I can't tell from here, has anybody put any lettering on the {t}?
Kindly confirm whether the {t} contains writing of any kind.
Will I find so much as a single letter to read in here?
[place]
To visit this spot, I would have to go where?
Identify the setting.
What surroundings are these?
In a travel guide, this view would be filed under what?
Give the location a name.
[subject]
The camera was pointed at what?
What was in front of the lens?
Say in a few words what has been captured.
Which motif did the photographer choose?
My eyes are closed: what would they see if I opened them?
[this_is]
Would you file this under {a}?
Yes or no: we have {a} before us.
True or not (yes or no): the view is {a}.
Could one say this depicts {a}?
Does {a} match what we have before us?
""")
