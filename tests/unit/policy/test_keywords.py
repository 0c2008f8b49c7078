"""What an inbound text asks for: keywords, and what only sounds like them."""

from __future__ import annotations

import string
import sys
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.policy.keyword_table import Word, keyword_table
from gateway.policy.keywords import LONGEST_WORD, Keyword, Keywords, KeywordSettings
from gateway.policy.normal_form import normalised

DEFAULT = Keywords(KeywordSettings())

STOPS = [
    ("STOP", "en"), ("Stop.", "en"), ("  stop!!! ", "en"), ("ＳＴＯＰ", "en"), ("“stop” 🙏", "en"),
    ("s\u200bt\u00adop", "en"), ("𝐒𝐓𝐎𝐏", "en"), ("ⓢⓣⓞⓟ", "en"), ("stop\r\n", "en"), ("(Unsubscribe)", "en"),
    ("opt-out", "en"), ("Opt\nout", "en"), ("STOP ALL", "en"), ("Arrêt !", "fr"), ("ARRE\u0302TER", "fr"),
    ("désinscrire", "fr"), ("¡Baja!", "es"), ("stopp", "de"), ("Cancellami…", "it"), ("İPTAL", "tr"),
    ("ıptal", "tr"), ("Стоп", "ru"), ("ВІДПИСАТИСЯ", "uk"), ("Odhlásit", "cs"), ("إلغاء", "ar"),
    ("الغاء", "ar"), ("הסר!", "he"), ("रोकें", "hi"), ("退订", "zh"), ("停止。", "zh"), ("수신거부", "ko"),
    ("từ chối", "vi"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "language"), STOPS)
def test_OPT_1_a_stop_in_any_spelling_and_language_is_one(text: str, language: str) -> None:
    found = DEFAULT.match(text)
    assert found is not None
    assert (found.kind, found.language, found.conditional) == ("stop", language, False)


@pytest.mark.parametrize(
    "text",
    ["bus stop at 6", "STOP IT", "S.T.O.P.", "stop stop", "don't stop", "nonstop", "stopgap", "end of term",
     "unsub scribe", "st op", "YES", "ok", "", "   ", "🙏", "stop texting me", "Cancel my appointment",
     "5top", "ЅТОР"],
)  # fmt: skip
def test_OPT_1_a_word_counts_only_alone(text: str) -> None:
    assert DEFAULT.match(text) is None


@pytest.mark.parametrize(
    ("text", "form"),
    [("Stop.", "stop"), ("S.T.O.P.", "s t o p"), ("  Opt\tOUT\n\n", "opt out"), ("Straße", "strasse"),
     ("ﬁn", "fin"), ("Żółć", "zołc"), ("a\u0000b\u001bc", "abc"), ("1 + 1 = 2", "1 1 2"), ("don’t", "don t"),
     ("🏴‍☠️", ""), ("\ud800x", "x")],
)  # fmt: skip
def test_OPT_1_the_normal_form(text: str, form: str) -> None:
    assert normalised(text) == form


@given(st.text())
@example("\u0345\u0301Α")
@example("\u1100\u200b\u1161\u11a8")
@example("ﷺ İı\u0307")
def test_OPT_1_bringing_into_normal_form_twice_changes_nothing(text: str) -> None:
    form = normalised(text)
    assert normalised(form) == form
    assert form == " ".join(form.split())


def test_OPT_1_every_character_of_unicode_has_a_stable_form() -> None:
    characters = map(chr, range(sys.maxunicode + 1))
    assert [c for c in characters if normalised(normalised(c)) != normalised(c)] == []


@given(st.text(st.characters()))
def test_OPT_1_no_text_is_too_odd_to_judge(text: str) -> None:
    DEFAULT.suspected(text)
    DEFAULT.has_stop_hint(text)
    found = DEFAULT.match(text)
    assert found is None or len(normalised(text)) <= LONGEST_WORD


@given(
    st.sampled_from(sorted(keyword_table().words.values(), key=lambda word: word.written)),
    st.sampled_from([str.upper, str.lower, str.title, str.swapcase]),
    st.booleans(),
    st.text(string.punctuation + " \t\n\u200b\ufeff🙏❤️«»„“¡¿。！", max_size=5),
    st.text(string.punctuation + " \t\n\u200b\ufeff🙏❤️«»„“¡¿。！", max_size=5),
)
def test_OPT_2_each_word_of_the_table_acts_in_any_case_width_and_punctuation(
    word: Word, case: Callable[[str], str], wide: bool, before: str, after: str
) -> None:
    text = case(word.written)
    if wide:
        text = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)
    found = DEFAULT.match(before + text + after)
    assert found is not None
    assert (found.kind, found.word) == (word.kind, word.written)


def test_OPT_2_the_table_has_every_language_and_no_word_with_two_meanings() -> None:
    words = keyword_table().words
    spoken = {language for word in words.values() for language in word.languages}
    assert " ".join(sorted(spoken)) == "ar cs da de es fi fr he hi id it ja ko nb nl pl pt ru sv tr uk vi zh"
    assert max(map(len, words)) <= LONGEST_WORD
    counts = {kind: sum(word.kind == kind for word in words.values()) for kind in ("stop", "start", "help")}
    assert counts == {"stop": 60, "start": 8, "help": 7}


@pytest.mark.parametrize(
    ("text", "reader", "language"),
    [("STOP", None, "en"), ("STOP", "fr-CH", "fr"), ("STOPP", None, "de"), ("STOPP", "sv", "sv"),
     ("STOPP", "fr", "de"), ("PARAR", "pt-BR", "pt"), ("PARAR", None, "es"), ("停止", "ja", "ja"),
     ("ARRET", "de", "fr"), ("СТОП", "uk", "uk")],
)  # fmt: skip
def test_OPT_6_a_word_of_several_languages_is_answered_in_the_readers(
    text: str, reader: str | None, language: str
) -> None:
    found = DEFAULT.match(text, reader)
    assert found is not None
    assert found.language == language


def test_OPT_2_start_and_help_are_known() -> None:
    assert DEFAULT.match("start!") == Keyword("start", "START", "en")
    assert DEFAULT.match("opt in") == Keyword("start", "OPT IN", "en")
    assert DEFAULT.match("Старт") == Keyword("start", "СТАРТ", "ru")
    assert DEFAULT.match("Info?") == Keyword("help", "INFO", "en")
    assert DEFAULT.match("hilfe") == Keyword("help", "HILFE", "de")


def test_OPT_3_on_a_clinics_line_answers_are_answers() -> None:
    clinic = Keywords(KeywordSettings(preset="appointments"))
    for answer in ("CANCEL", "end", "Quit", "alto", "PARAR", "¡Baja!", "INFO"):
        assert DEFAULT.match(answer) is not None
        assert clinic.match(answer) is None
        assert not clinic.suspected(answer)
    for still in ("STOP", "unsubscribe", "CANCELAR", "stopp"):
        assert clinic.match(still) is not None


def test_OPT_3_words_are_added_and_removed() -> None:
    keywords = Keywords(
        KeywordSettings(add_stop=("Abmeldung bitte",), add_help=("??HELP ME??",), remove=("remove", "Info"))
    )
    assert keywords.match("abmeldung, bitte!") == Keyword("stop", "Abmeldung bitte", "en")
    assert keywords.match("help me") == Keyword("help", "??HELP ME??", "en")
    assert keywords.match("REMOVE") is None
    assert keywords.match("info") is None
    assert keywords.match("END") is not None


@pytest.mark.parametrize("word", ["STOP", "stop.", "StopAll", "UNSUBSCRIBE", "ｓｔｏｐ"])
def test_OPT_3_stop_stopall_and_unsubscribe_cannot_be_removed(word: str) -> None:
    with pytest.raises(ValueError, match="must stay: everyone who sends it wants no more texts"):
        Keywords(KeywordSettings(remove=("CANCEL", word)))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (KeywordSettings(remove=("STPO",)), '"STPO" is no keyword'),
        (KeywordSettings(add_start=("Stop",)), '"Stop" is a stop keyword already'),
        (KeywordSettings(add_stop=("info",)), '"info" is a help keyword already'),
        (
            KeywordSettings(add_stop=("agreed",), add_start=("Agreed!",)),
            '"Agreed!" is a stop keyword already',
        ),
        (KeywordSettings(add_stop=("...",)), "1 to 60 letters"),
        (KeywordSettings(add_help=("x" * 61,)), "1 to 60 letters"),
    ],
)
def test_OPT_3_a_setting_that_could_not_be_kept_is_refused(settings: KeywordSettings, says: str) -> None:
    with pytest.raises(ValueError, match=r"^keywords\.(stop|start|help|remove): ") as refused:
        Keywords(settings)
    assert says in str(refused.value)


def test_OPT_3_a_word_may_change_its_meaning_when_it_is_removed_first() -> None:
    assert Keywords(KeywordSettings(add_stop=("INFO",), remove=("INFO",))).match("info") == Keyword(
        "stop", "INFO", "en"
    )


@pytest.mark.parametrize("word", ["quit", "END", "revoke", "opt out", "Cancel"])
def test_OPT_3_removing_a_word_of_the_us_rules_warns_at_start(word: str) -> None:
    (warning,) = Keywords(KeywordSettings(remove=(word,))).warnings
    assert word.upper() in warning
    assert "47 CFR 64.1200(a)(10)" in warning


def test_OPT_3_warnings_come_only_when_there_is_something_to_say() -> None:
    assert DEFAULT.warnings == ()
    assert Keywords(KeywordSettings(remove=("INFO", "TD", "optout"))).warnings == ()
    (warning,) = Keywords(KeywordSettings(preset="appointments")).warnings
    assert "CANCEL, END, QUIT" in warning
    assert Keywords(KeywordSettings(preset="appointments", add_stop=("END", "QUIT", "CANCEL"))).warnings == ()
    (warning,) = Keywords(KeywordSettings(remove=("START",))).warnings
    assert "START is removed" in warning


def test_OPT_3_yes_is_a_start_only_where_it_is_listed_and_then_with_a_condition() -> None:
    assert DEFAULT.match("YES") is None
    listed = Keywords(KeywordSettings(add_start=("YES", "Rejoin")))
    assert listed.match("Yes!") == Keyword("start", "YES", "en", conditional=True)
    assert listed.match("rejoin") == Keyword("start", "Rejoin", "en", conditional=False)
    assert listed.match("start") == Keyword("start", "START", "en", conditional=False)


@pytest.mark.parametrize(
    "text",
    ["stop texting me", "Remove me!", "STOP IT", "please stop", "S.T.O.P.", "Stop\nSent from my phone",
     "cancel all this please", "Hi, leave me alone, I never signed up for anything of yours",
     "Don’t text me again", "opt out please", "I told you in May and again in June: take me off your list",
     "Arrêtez de m'envoyer des SMS", "Laissez-moi tranquille !", "No me escriban más por favor",
     "Déjenme en paz", "Por favor, pare de enviar mensagens", "Bitte keine SMS mehr",
     "Lassen Sie mich in Ruhe", "non scrivetemi più", "laat me met rust", "inga fler sms tack",
     "fjern meg fra listen", "proszę nie wysyłać", "neposílejte mi to", "rahat bırakın beni",
     "Больше не пишите мне", "не пишіть мені", "من فضلكم توقفوا عن الإرسال", "תפסיקו לשלוח לי",
     "कृपया मैसेज बंद करो", "请不要再发短信给我", "もう送らないでください", "문자 보내지 마세요",
     "tolong jangan kirim lagi", "đừng nhắn nữa", "退订 谢谢"],
)  # fmt: skip
def test_OPT_8_a_text_that_means_stop_without_being_one_is_suspected(text: str) -> None:
    assert DEFAULT.match(text) is None
    assert DEFAULT.suspected(text)


@pytest.mark.parametrize(
    "text",
    ["STOP", "bus stop at 6", "meet me at the stop", "Can we stop by at 6?", "See you at the end of the day",
     "yes", "", "The removal men come tomorrow", "Weekend is fine", "ending soon",
     "Stopping at the shop first", "o k", "Stop at the second bridge and then turn left", "Ich komme um acht",
     "À demain", "明天见", "Danke, bis morgen", "start", "help"],
)  # fmt: skip
def test_OPT_8_keywords_and_ordinary_texts_are_not_suspected(text: str) -> None:
    assert not DEFAULT.suspected(text)


def test_OPT_8_every_phrase_of_the_table_is_suspected_alone_and_none_is_a_keyword() -> None:
    table = keyword_table()
    phrases = (*table.anywhere, *table.whole)
    assert [phrase for phrase in phrases if not DEFAULT.suspected(phrase)] == []
    assert len(set(phrases)) == len(phrases)


@pytest.mark.parametrize(
    "text",
    ["Sale on Friday. Reply STOP to opt out", "Sale! stop = no more", "Bye: END",
     "Angebot. Abmelden mit STOPP", "Soldes ! Répondez ARRÊT", "Details: https://example.com/u/1",
     "see www.example.com", "shop.example.com/stop", "优惠。退订回T", "להסרה השיבו 1"],
)  # fmt: skip
def test_OPT_9_a_stop_word_or_a_link_tells_how_to_stop(text: str) -> None:
    assert DEFAULT.has_stop_hint(text)


@pytest.mark.parametrize(
    "text",
    ["Sale on Friday", "The weekend sale will end soon", "Cancel culture night, quit your day job",
     "New: 20.5 % off.Come in", "Non stopping fun", "Rebajas", "Wir haben offen", "周五打折", ""],
)  # fmt: skip
def test_OPT_9_a_text_without_either_does_not(text: str) -> None:
    assert not DEFAULT.has_stop_hint(text)


def test_OPT_9_only_words_that_act_tell_how_to_stop() -> None:
    assert not Keywords(KeywordSettings(preset="appointments")).has_stop_hint("Sale. Reply END for no more")
    assert Keywords(KeywordSettings(add_stop=("ADIOS",))).has_stop_hint("Oferta. Responda adios")
