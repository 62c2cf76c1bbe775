"""Words of many scripts, checked by hand; they agree with the boundaries of UAX #29."""

import sys
import unicodedata

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

import skdcca
from skdcca import Doc2VecLyrics, LyricsForm, tokenize
from skdcca._lyrics.scripts import PLAIN_WORD, is_plain, mark_pattern, word_pattern
from skdcca._lyrics.tokens import clean, fold

# Texts whose words are separated by spaces, with nothing to fold.
SPACED = {
    "Czech": "žluťoučký kůň úpěl ďábelské ódy",
    "Vietnamese": "tiếng việt còn trong mọi người",
    "Yoruba": "ọ̀rọ̀ ìfẹ́ kò ní òpin",
    "Greek": "σ αγαπώ καρδιά μου",
    "Cyrillic": "я вас любил ещё мой",
    "Armenian": "մեր հայրենիք ազատ անկախ",
    "Georgian": "ჩემო კარგო ქვეყანავ",
    "Arabic": "مُحَمَّدٌ رَسُولُ اللَّهِ",
    "Hebrew": "שָׁלוֹם עֲלֵיכֶם מַלְאֲכֵי הַשָּׁרֵת",
    "Syriac": "ܫܠܵܡܵܐ ܥܠܵܝܟ݂",
    "Thaana": "ދިވެހި ރާއްޖެ",
    "Devanagari": "दिल और दाल कितना प्यार किया",
    "Bengali": "আমার সোনার বাংলা আমি তোমায় ভালোবাসি",
    "Gurmukhi": "ਦਿਲ ਦੀ ਗੱਲ",
    "Gujarati": "જય જય ગરવી ગુજરાત",
    "Odia": "ବନ୍ଦେ ଉତ୍କଳ ଜନନୀ",
    "Tamil": "தமிழ்த் தாய் வாழ்த்து",
    "Telugu": "మా తెలుగు తల్లికి మల్లె పూదండ",
    "Kannada": "ಜಯ ಭಾರತ ಜನನಿಯ ತನುಜಾತೆ",
    "Malayalam": "ജയ ജയ കേരള മലയാളം",
    "Ethiopic": "ፍቅር እስከ መቃብር",
    "Korean": "동해 물과 백두산이 마르고",
    "Mongolian": "ᠮᠣᠩᠭᠣᠯ ᠤᠯᠤᠰ",
    "Inuktitut": "ᐃᓄᒃᑎᑐᑦ ᐊᐃ",
}


@pytest.mark.parametrize("script", SPACED)
def test_words_go_on_over_marks(script):
    text = SPACED[script]
    words = unicodedata.normalize("NFKC", text).split()
    assert tokenize(text) == words
    assert tokenize(f"«{text.upper()}», 24/7!") == words
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert tokenize(unicodedata.normalize(form, text)) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("你好", ["你好"]),
        ("愛", ["愛"]),
        ("月亮代表我的心，月", ["月亮", "亮代", "代表", "表我", "我的", "的心", "月"]),
        ("君の名はﾊﾞｰ", ["君の", "の名", "名は", "はバ", "バー"]),
        ("私はlove人々", ["私は", "love", "人々"]),
        ("Tシャツ", ["t", "シャ", "ャツ"]),
        ("ฉันรักเธอ", ["ฉัน", "นรั", "รัก", "กเธ", "เธอ"]),
        ("น้ำตา", ["น้\u0e4d\u0e32ตา"]),  # the compatibility form of sara am
        ("ຮັກເຈົ້າ", ["ຮັກ", "ກເຈົ້າ"]),
        ("ស្រលាញ់អ្នក", ["ស្រលា", "លាញ់", "ញ់អ្ន", "អ្នក"]),
        ("မန္တလေး ချစ်တယ်", ["မန္တလေး", "ချစ်တယ်"]),
    ],
)
def test_text_without_spaces_is_split_into_pairs_of_characters(text, words):
    assert tokenize(text) == words
    assert tokenize(unicodedata.normalize("NFD", text)) == words


@pytest.mark.parametrize(
    ("one", "other", "word"),
    [
        ("İSTANBUL", "istanbul", "istanbul"),
        ("I\u0307stanbul", "i\u0307stanbul", "istanbul"),
        ("ΦΩΣ", "φως", "φωσ"),
        ("ᾳ", "α\u0345", "αι"),
        ("Ⅳ", "iv", "iv"),
        ("می\u200cروم", "میروم", "میروم"),
        ("ශ්\u200dරී", "ශ්රී", "ශ්රී"),
        ("葛\U000e0100城", "葛城", "葛城"),
        ("schö\u00adne", "SCHÖNE", "schöne"),
        ("a\u034f\u0301", "á", "á"),
        ("ինչո՞ւ", "ինչու", "ինչու"),
        ("حبـــيبي", "حبيبي", "حبيبي"),
    ],
)
def test_equal_words(one, other, word):
    assert tokenize(one) == tokenize(other) == [word]


def test_different_words_stay_different():
    assert tokenize("दिल") != tokenize("दाल")  # heart and lentils
    assert tokenize("ırmak") != tokenize("irmak")
    assert tokenize("か") != tokenize("が")


def test_texts_without_words():
    for text in ("🎵🎶 ❤️ 👩‍👩‍👧 1️⃣", "24/7 ٣٤ ४५", "\u0301\u0301", "...", "\u3164", ""):
        assert tokenize(text) == []
    assert tokenize("a\u200bb") == ["a", "b"]  # this invisible space separates words


def test_text_that_is_not_a_str_is_refused():
    with pytest.raises(TypeError, match="`text` must be a str, got list"):
        tokenize(["one", "two"])


def test_marks_are_complete():
    kinds = ((chr(code), unicodedata.category(chr(code))) for code in range(sys.maxunicode + 1))
    marks = "".join(character for character, kind in kinds if kind[0] == "M")
    missing = mark_pattern().sub("", marks)
    # The others are variation selectors, which are removed from texts.
    assert missing == "".join(map(chr, range(0xE0100, 0xE01F0)))
    assert clean(missing) == ""


def test_folding_is_that_of_unicode_except_for_the_turkish_dotted_capital():
    different = set()
    for character in map(chr, [*range(0x3400), *range(0xA640, 0xABFF), *range(0xF900, 0x1EF00)]):
        folded = fold(clean(character))
        decomposed = unicodedata.normalize("NFD", character)
        assert folded == fold(folded) == fold(clean(decomposed))
        # Definition D146, "compatibility caseless match".
        twice = unicodedata.normalize("NFKD", decomposed.casefold()).casefold()
        if folded not in ("", unicodedata.normalize("NFKC", twice)):
            different.add(character)
    assert different == {"İ"}


def test_plain_text_has_the_same_words_by_the_quick_pattern():
    plain = [c for c in map(chr, range(0x3000)) if is_plain(c)]
    assert not any(is_plain(chr(code)) for code in range(0x3000, 0x10FFFF, 7))
    text = fold(clean("".join(f"a{c}b{c.upper()} {c}\n" for c in plain)))
    assert PLAIN_WORD.findall(text) == word_pattern().findall(text)


def test_vectorizers_take_the_words_and_are_saved(tmp_path):
    texts = ["दिल से", "दाल और", "愛してる", "İstanbul'da"]
    model = TfidfVectorizer(analyzer=tokenize).fit(texts)
    assert {"दिल", "दाल", "愛し", "istanbul", "da"} < set(model.vocabulary_)
    skdcca.save(model, tmp_path / "words")
    again = skdcca.load(tmp_path / "words")
    assert again.analyzer is tokenize
    assert (again.transform(texts) != model.transform(texts)).nnz == 0


def test_doc2vec_tells_the_words_of_hindi_apart():
    model = Doc2VecLyrics(4, min_count=1, epochs=40, random_state=0).fit(["दिल से", "दाल और"])
    assert set(model.model_.wv.key_to_index) == {"दिल", "से", "दाल", "और"}
    heart, lentils = model.transform(["दिल", "दाल"])
    assert not np.array_equal(heart, lentils)


@pytest.mark.parametrize("texts", [["🎵🎶"], ["24/7", "365"]])
def test_doc2vec_refuses_lyrics_without_words(texts):
    with pytest.raises(ValueError, match=f"Found no words in {len(texts)} lyrics.*`tokenizer`"):
        Doc2VecLyrics(4, min_count=1).fit(texts)
    assert np.isfinite(LyricsForm().fit_transform(texts)).all()
    # A tokenizer can find words in them.
    Doc2VecLyrics(4, min_count=1, epochs=1, tokenizer=str.split).fit(texts)
