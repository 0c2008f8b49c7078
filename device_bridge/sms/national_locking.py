"""Owns the national language locking shift tables, as the standard draws them: one row per 16 septets.

Knows nothing of packing or headers; ``alphabet`` reads the rows. ``--`` is a position without a character,
SP, LF and CR are themselves, ESC leads to the single shift table. Spanish has no locking table.
Source: 3GPP TS 23.038 Annex A.3.
"""

from __future__ import annotations

LOCKING_ROWS: dict[int, str] = {
    # Turkish, A.3.1
    1: r"""
        00  @ £ $ ¥ € é ù ı ò Ç LF Ğ ğ CR Å å
        10  Δ _ Φ Γ Λ Ω Π Ψ Σ Θ Ξ ESC Ş ş ß É
        20  SP ! " # ¤ % & ' ( ) * + , - . /
        30  0 1 2 3 4 5 6 7 8 9 : ; < = > ?
        40  İ A B C D E F G H I J K L M N O
        50  P Q R S T U V W X Y Z Ä Ö Ñ Ü §
        60  ç a b c d e f g h i j k l m n o
        70  p q r s t u v w x y z ä ö ñ ü à
    """,
    # Portuguese, A.3.3
    3: r"""
        00  @ £ $ ¥ ê é ú í ó ç LF Ô ô CR Á á
        10  Δ _ ª Ç À ∞ ^ \ € Ó | ESC Â â Ê É
        20  SP ! " # º % & ' ( ) * + , - . /
        30  0 1 2 3 4 5 6 7 8 9 : ; < = > ?
        40  Í A B C D E F G H I J K L M N O
        50  P Q R S T U V W X Y Z Ã Õ Ú Ü §
        60  ~ a b c d e f g h i j k l m n o
        70  p q r s t u v w x y z ã õ ` ü à
    """,
    # Bengali, A.3.4
    4: r"""
        00  ঁ ং ঃ অ আ ই ঈ উ ঊ ঋ LF ঌ -- CR -- এ
        10  ঐ -- -- ও ঔ ক খ গ ঘ ঙ চ ESC ছ জ ঝ ঞ
        20  SP ! ট ঠ ড ঢ ণ ত ) ( থ দ , ধ . ন
        30  0 1 2 3 4 5 6 7 8 9 : ; -- প ফ ?
        40  ব ভ ম য র -- ল -- -- -- শ ষ স হ ় ঽ
        50  া ি ী ু ূ ৃ ৄ -- -- ে ৈ -- -- ো ৌ ্
        60  ৎ a b c d e f g h i j k l m n o
        70  p q r s t u v w x y z ৗ ড় ঢ় ৰ ৱ
    """,
    # Gujarati, A.3.5
    5: r"""
        00  ઁ ં ઃ અ આ ઇ ઈ ઉ ઊ ઋ LF ઌ ઍ CR -- એ
        10  ઐ ઑ -- ઓ ઔ ક ખ ગ ઘ ઙ ચ ESC છ જ ઝ ઞ
        20  SP ! ટ ઠ ડ ઢ ણ ત ) ( થ દ , ધ . ન
        30  0 1 2 3 4 5 6 7 8 9 : ; -- પ ફ ?
        40  બ ભ મ ય ર -- લ ળ -- વ શ ષ સ હ ઼ ઽ
        50  ા િ ી ુ ૂ ૃ ૄ ૅ -- ે ૈ ૉ -- ો ૌ ્
        60  ૐ a b c d e f g h i j k l m n o
        70  p q r s t u v w x y z ૠ ૡ ૢ ૣ ૱
    """,
    # Hindi, A.3.6
    6: r"""
        00  ँ ं ः अ आ इ ई उ ऊ ऋ LF ऌ ऍ CR ऎ ए
        10  ऐ ऑ ऒ ओ औ क ख ग घ ङ च ESC छ ज झ ञ
        20  SP ! ट ठ ड ढ ण त ) ( थ द , ध . न
        30  0 1 2 3 4 5 6 7 8 9 : ; ऩ प फ ?
        40  ब भ म य र ऱ ल ळ ऴ व श ष स ह ़ ऽ
        50  ा ि ी ु ू ृ ॄ ॅ ॆ े ै ॉ ॊ ो ौ ्
        60  ॐ a b c d e f g h i j k l m n o
        70  p q r s t u v w x y z ॲ ॻ ॼ ॾ ॿ
    """,
    # Kannada, A.3.7
    7: r"""
        00  -- ಂ ಃ ಅ ಆ ಇ ಈ ಉ ಊ ಋ LF ಌ -- CR ಎ ಏ
        10  ಐ -- ಒ ಓ ಔ ಕ ಖ ಗ ಘ ಙ ಚ ESC ಛ ಜ ಝ ಞ
        20  SP ! ಟ ಠ ಡ ಢ ಣ ತ ) ( ಥ ದ , ಧ . ನ
        30  0 1 2 3 4 5 6 7 8 9 : ; -- ಪ ಫ ?
        40  ಬ ಭ ಮ ಯ ರ ಱ ಲ ಳ -- ವ ಶ ಷ ಸ ಹ ಼ ಽ
        50  ಾ ಿ ೀ ು ೂ ೃ ೄ -- ೆ ೇ ೈ -- ೊ ೋ ೌ ್
        60  ೕ a b c d e f g h i j k l m n o
        70  p q r s t u v w x y z ೖ ೠ ೡ ೢ ೣ
    """,
    # Malayalam, A.3.8
    8: r"""
        00  -- ം ഃ അ ആ ഇ ഈ ഉ ഊ ഋ LF ഌ -- CR എ ഏ
        10  ഐ -- ഒ ഓ ഔ ക ഖ ഗ ഘ ങ ച ESC ഛ ജ ഝ ഞ
        20  SP ! ട ഠ ഡ ഢ ണ ത ) ( ഥ ദ , ധ . ന
        30  0 1 2 3 4 5 6 7 8 9 : ; -- പ ഫ ?
        40  ബ ഭ മ യ ര റ ല ള ഴ വ ശ ഷ സ ഹ -- ഽ
        50  ാ ി ീ ു ൂ ൃ ൄ -- െ േ ൈ -- ൊ ോ ൌ ്
        60  ൗ a b c d e f g h i j k l m n o
        70  p q r s t u v w x y z ൠ ൡ ൢ ൣ ൹
    """,
    # Oriya, A.3.9
    9: r"""
        00  ଁ ଂ ଃ ଅ ଆ ଇ ଈ ଉ ଊ ଋ LF ଌ -- CR -- ଏ
        10  ଐ -- -- ଓ ଔ କ ଖ ଗ ଘ ଙ ଚ ESC ଛ ଜ ଝ ଞ
        20  SP ! ଟ ଠ ଡ ଢ ଣ ତ ) ( ଥ ଦ , ଧ . ନ
        30  0 1 2 3 4 5 6 7 8 9 : ; -- ପ ଫ ?
        40  ବ ଭ ମ ଯ ର -- ଲ ଳ -- ଵ ଶ ଷ ସ ହ ଼ ଽ
        50  ା ି ୀ ୁ ୂ ୃ ୄ -- -- େ ୈ -- -- ୋ ୌ ୍
        60  ୖ a b c d e f g h i j k l m n o
        70  p q r s t u v w x y z ୗ ୠ ୡ ୢ ୣ
    """,
    # Punjabi, A.3.10
    10: r"""
        00  ਁ ਂ ਃ ਅ ਆ ਇ ਈ ਉ ਊ -- LF -- -- CR -- ਏ
        10  ਐ -- -- ਓ ਔ ਕ ਖ ਗ ਘ ਙ ਚ ESC ਛ ਜ ਝ ਞ
        20  SP ! ਟ ਠ ਡ ਢ ਣ ਤ ) ( ਥ ਦ , ਧ . ਨ
        30  0 1 2 3 4 5 6 7 8 9 : ; -- ਪ ਫ ?
        40  ਬ ਭ ਮ ਯ ਰ -- ਲ ਲ਼ -- ਵ ਸ਼ -- ਸ ਹ ਼ --
        50  ਾ ਿ ੀ ੁ ੂ -- -- -- -- ੇ ੈ -- -- ੋ ੌ ੍
        60  ੑ a b c d e f g h i j k l m n o
        70  p q r s t u v w x y z ੰ ੱ ੲ ੳ ੴ
    """,
    # Tamil, A.3.11
    11: r"""
        00  -- ஂ ஃ அ ஆ இ ஈ உ ஊ -- LF -- -- CR எ ஏ
        10  ஐ -- ஒ ஓ ஔ க -- -- -- ங ச ESC -- ஜ -- ஞ
        20  SP ! ட -- -- -- ண த ) ( -- -- , -- . ந
        30  0 1 2 3 4 5 6 7 8 9 : ; ன ப -- ?
        40  -- -- ம ய ர ற ல ள ழ வ ஶ ஷ ஸ ஹ -- --
        50  ா ி ீ ு ூ -- -- -- ெ ே ை -- ொ ோ ௌ ்
        60  ௐ a b c d e f g h i j k l m n o
        70  p q r s t u v w x y z ௗ ௰ ௱ ௲ ௹
    """,
    # Telugu, A.3.12
    12: r"""
        00  ఁ ం ః అ ఆ ఇ ఈ ఉ ఊ ఋ LF ఌ -- CR ఎ ఏ
        10  ఐ -- ఒ ఓ ఔ క ఖ గ ఘ ఙ చ ESC ఛ జ ఝ ఞ
        20  SP ! ట ఠ డ ఢ ణ త ) ( థ ద , ధ . న
        30  0 1 2 3 4 5 6 7 8 9 : ; -- ప ఫ ?
        40  బ భ మ య ర ఱ ల ళ -- వ శ ష స హ -- ఽ
        50  ా ి ీ ు ూ ృ ౄ -- ె ే ై -- ొ ో ౌ ్
        60  ౕ a b c d e f g h i j k l m n o
        70  p q r s t u v w x y z ౖ ౠ ౡ ౢ ౣ
    """,
    # Urdu, A.3.13
    13: r"""
        00  ا آ ب ٻ ڀ پ ڦ ت ۂ ٿ LF ٹ ٽ CR ٺ ټ
        10  ث ج ځ ڄ ڃ څ چ ڇ ح خ د ESC ڌ ڈ ډ ڊ
        20  SP ! ڏ ڍ ذ ر ڑ ړ ) ( ڙ ز , ږ . ژ
        30  0 1 2 3 4 5 6 7 8 9 : ; ښ س ش ?
        40  ص ض ط ظ ع ف ق ک ڪ ګ گ ڳ ڱ ل م ن
        50  ں ڻ ڼ و ۄ ە ہ ھ ء ی ې ے ٍ ِ ُ ٗ
        60  ٔ a b c d e f g h i j k l m n o
        70  p q r s t u v w x y z ٕ ّ ٓ ٖ ٰ
    """,
}
