"""Older encodings are told by the words; in doubt it is Windows-1252."""

import pytest

from shared.tables.decoding import decode
from shared.tables.reading import ReadOptions, read_table
from shared.tables.table import TableError

WESTERN = {
    "German": "Köln Tür Grün Über Straße Größe Maß Äpfel öffnen Müller Prüfen Büro Küche für süß weiß schön ÜBER Öl",
    "French": "été déjà où ça là garçon Noël cœur œuvre naïve forêt château août très père Hélène Zoë hôtel île "
    "reçu L'Été bœuf Crème brûlée CÔTÉ Élève à",
    "Spanish": "año niño mañana España ¿Qué ¿Dónde está acción corazón pingüino Núñez sí más árbol Muñoz CAÑÓN",
    "Portuguese": "João não ações limões coração São avó você Responsável",
    "Italian": "perché città è più Forlì sì così Nicolò virtù Attività",
    "Nordic": "Sørensen Ærø Åse København Køb blåbær uændret træ ål år är Malmö Göteborg Jyväskylä Þór Guðmundur",
    "Dutch": "één coördinatie België ideeën",
    "signs": "20°C 5€ £5 m² km² cm³ 2ª nº ½ ±2 §5 “Tür” „ja“ – dringend… 100‰ ©",
}
CENTRAL = {
    "Polish": "Łódź Gdańsk Wysyłka środa piątek poniedziałek wrzesień październik żółw łąka są drogą książka Paweł "
    "Łukasz Święto może gość pięć",
    "Czech": "Příliš žluťoučký kůň Řím Jiří Dvořák Němec dvůr měsíc Tomáš příště úkol stůl pátek",
    "Slovak": "ľad Košice Žilina Ľubomír",
    "Hungarian": "Győr erdő szőlő Erdős Kovács",
    "Croatian": "Kovačić Škoda Žalec",
}
SENTENCES = {
    "windows-1251": "Задача,Ответственный\nПроверить насос на станции,Анна Петрова\nЗаказать трубы,Сергей Смирнов\n",
    "windows-1253": "Εργασία,Υπεύθυνος\nΈλεγχος της αντλίας στον σταθμό,Άννα Παπαδοπούλου\n",
    "gb18030": "任务,负责人,备注\n检查三号泵站的水泵,王小明,星期一以前完成\n订购新的管道和阀门,李华,预算已经批准\n",
    "shift_jis": "作業,担当者,備考\n第三ポンプ場のポンプを点検する,田中太郎,月曜日までに終わらせること\n"
    "新しい配管とバルブを注文する,㈱佐藤工業,予算は承認されました\n",
    "euc-kr": "작업,담당자,비고\n제삼 펌프장의 펌프를 점검하기,김철수,월요일까지 끝내야 합니다\n"
    "새 배관과 밸브를 주문하기,이영희,예산이 승인됨\n",
    "big5": "任務,負責人,備註\n檢查三號泵站的水泵,王小明,星期一以前完成\n訂購新的管道和閥門,李華,預算已經批准\n",
}


def words(texts: dict[str, str]) -> list[str]:
    return [word for text in texts.values() for word in text.split()]


@pytest.mark.parametrize("word", words(WESTERN))
def test_a_single_western_word_is_read_as_it_is(word: str):
    text = f"Name,Note\n{word},x\n"
    assert decode(text.encode("cp1252")).text == text


@pytest.mark.parametrize("language", WESTERN)
def test_western_texts_are_windows_1252(language: str):
    text = "Name\n" + "\n".join(WESTERN[language].split()) + "\n"
    decoded = decode(text.encode("cp1252"))
    assert (decoded.encoding, decoded.text) == ("windows-1252", text)


def test_a_list_of_western_names_from_many_countries_is_windows_1252():
    text = "\n".join(words(WESTERN))
    assert decode(text.encode("cp1252")).text == text


@pytest.mark.parametrize("word", words(CENTRAL))
def test_a_single_word_that_is_none_in_the_west_is_read_as_central_european(word: str):
    text = f"Name,Note\n{word},x\n"
    assert decode(text.encode("cp1250")).text == text


@pytest.mark.parametrize("language", CENTRAL)
def test_texts_of_central_europe_are_windows_1250(language: str):
    text = "Name\n" + "\n".join(CENTRAL[language].split()) + "\n"
    decoded = decode(text.encode("cp1250"))
    assert (decoded.encoding, decoded.text) == ("windows-1250", text)


@pytest.mark.parametrize("text", ["Plzeň", "że", "ręka"])
def test_a_word_that_can_be_either_is_taken_for_western_until_its_encoding_is_named(text: str):
    data = text.encode("cp1250")
    assert decode(data).encoding == "windows-1252"
    assert decode(data, "windows-1250").text == text


@pytest.mark.parametrize("encoding", SENTENCES)
def test_other_scripts_are_known_by_longer_texts(encoding: str):
    data = SENTENCES[encoding].encode("cp932" if encoding == "shift_jis" else encoding)
    read = read_table(data, "text", ReadOptions())
    assert read.how == f"{encoding} text divided by ','"
    lines = [",".join(map(str, record.fields)) for record in read.table.records]
    assert "\n".join([",".join(read.table.titles), *lines, ""]) == SENTENCES[encoding]


def test_a_few_chinese_characters_are_no_evidence_but_can_be_named():
    data = "姓名\n王小明\n".encode("gb18030")
    assert decode(data).encoding == "windows-1252"
    assert decode(data, "gb18030").text == "姓名\n王小明\n"


@pytest.mark.parametrize("times", [1, 30])
@pytest.mark.parametrize("language", WESTERN)
def test_no_amount_of_western_text_makes_it_chinese(language: str, times: int):
    text = "Task,Status\n" + f"{WESTERN[language]},offen\n" * times
    assert decode(text.encode("cp1252")).encoding == "windows-1252"


def test_what_stands_far_down_in_a_long_file_counts_too():
    text = "Имя\n" + "plain\n" * 200_000 + "Наталья Петрова\n" * 5
    assert decode(text[4:].encode("cp1251")).encoding == "windows-1251"


def test_one_damaged_byte_in_a_long_text_is_named_rather_than_another_encoding_taken():
    data = SENTENCES["gb18030"].encode("gb18030") * 3 + b"\xff\n"
    with pytest.raises(TableError, match=r"\(0xff\) is not gb18030 text"):
        decode(data)
