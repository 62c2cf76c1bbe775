"""Syllables of words in many scripts, counted by hand."""

import pytest

from skdcca._lyrics.syllables import n_syllables
from skdcca._lyrics.tokens import clean, find_runs, fold

EXACT = {
    "Latin": {"beautiful": 3, "Götterfunken": 4, "nghiêng": 1, "İstanbul": 3, "ırmak": 2, "hmm": 1},
    "Yoruba": {"ọ̀rọ̀": 2, "ìfẹ́": 2},
    "Greek": {"αγάπη": 3, "ουρανός": 3, "καρδιά": 3},
    "Cyrillic": {"Россия": 3, "любовь": 2, "мой": 1, "соловей": 3, "її": 2, "ў": 1},
    "Armenian": {"սիրելի": 3, "ուրախություն": 4},
    "Georgian": {"სიყვარული": 4},
    "Hebrew": {"שלום": 2, "שָׁלוֹם": 2},
    "Arabic": {"حبيبي": 3, "السلام": 3, "مُحَمَّد": 2, "محمد": 2},
    "Devanagari": {"हिन्दी": 2, "दिल": 2, "क्या": 1},
    "Bengali": {"ভালোবাসা": 4, "বাংলা": 2},
    "Tamil": {"தமிழ்": 2, "அம்மா": 2},
    "Telugu": {"తెలుగు": 3},
    "Malayalam": {"മലയാളം": 4, "അവൻ": 2},
    "Thai": {"สวัสดี": 3, "ประเทศไทย": 3, "เพลง": 1, "น้ำตา": 2, "จันทร์": 1, "ก่อนนอน": 2, "หมอ": 1},
    "Lao": {"ສະບາຍດີ": 3},
    "Khmer": {"ខ្ញុំ": 1, "ស្រលាញ់": 2, "អ្នក": 1, "ខ្មែរ": 1},
    "Burmese": {"မြန်မာ": 2, "မန္တလေး": 3},
    "Tibetan": {"བོད": 1, "བསྒྲུབས": 1},
    "Chinese": {"月亮代表我的心": 7},
    "Japanese": {"愛してる": 4, "トーキョー": 4, "きゃりーぱみゅ": 5, "がっこう": 4},
    "Korean": {"사랑해": 3},
    "Ethiopic": {"ኢትዮጵያ": 5},
    "Cherokee": {"ᏣᎳᎩ": 3},
}


@pytest.mark.parametrize("script", EXACT)
def test_syllables(script):
    runs = {word: find_runs(fold(clean(word))) for word in EXACT[script]}
    assert {word: sum(map(n_syllables, run)) for word, run in runs.items()} == EXACT[script]
