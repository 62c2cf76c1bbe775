"""Define the vocabulary of the synthetic songs: two word pools per mood, lines and names."""

# Each mood has words for its low and its high end: adjectives, nouns and verbs. No word occurs twice,
# so each word identifies a mood and an end.
MOOD_WORDS = {
    "energy": (
        ("calm slow quiet still sleepy idle", "pillow lullaby hush slumber haze snail",
         "rest drift dream linger wait doze"),
        ("wild fast loud restless furious electric", "storm engine thunder highway drum race",
         "run jump shout rush dance burn"),
    ),
    "brightness": (
        ("dark dim grey shadowy dusky murky", "night cellar shadow smoke coal midnight",
         "fade hide sink darken bury vanish"),
        ("bright golden shining crystal radiant silver", "sun diamond lantern morning mirror star",
         "shine glow sparkle gleam glitter ignite"),
    ),
    "valence": (
        ("sad lonely broken bitter hopeless weary", "grave tear sorrow goodbye wound winter",
         "cry mourn grieve ache suffer weep"),
        ("happy merry lucky joyful sweet hopeful", "smile laughter party kiss holiday friend",
         "laugh cheer celebrate love giggle hug"),
    ),
    "smoothness": (
        ("sharp jagged cracked hard rough rigid", "stone hammer needle glass knife gravel",
         "strike smash snap scratch cut crack"),
        ("soft smooth gentle tender silky mellow", "velvet feather river ocean breeze honey",
         "flow glide melt caress breathe embrace"),
    ),
}  # fmt: skip

# Each line has four placeholders for mood words; the rest is filler.
LINES = (
    "the {adjective} {noun} will {verb} beside the {place}",
    "and I can {verb} with you, {adjective} {noun} of the {place}",
    "oh {adjective} {noun}, I hear you {verb} by the {place}",
    "there is one {noun} so {adjective} where we {verb} to the {place}",
    "you told me to {verb} like the {adjective} {noun} and the {place}",
    "my {adjective} {noun} and your {place} will {verb}",
    "when the {noun} is {adjective} then we {verb} in the {place}",
    "let us {verb} tonight for the {place} and the {adjective} {noun}",
    "all along the {place} some {adjective} {noun} may {verb}",
    "who would {verb} for one {noun}, for one {adjective} {place}",
)

FIRST_NAMES = (
    "Ada Bruno Clara Dario Elsa Felix Greta Hugo Ines Jonas Kaya Luca Mara Nils Olga Paul Rosa "
    "Sami Tilda Ugo Vera Wim Xenia Yara"
)
LAST_NAMES = (
    "Ashdown Bellweather Crane Dunmore Everly Fairbank Greenhalgh Hollis Ironwood Jessop Kestrel "
    "Lockhart Merriweather Northway Oakes Penrose Quill Ravenhill Summers Thorne Underhill Vale "
    "Whitlock Yarrow"
)
