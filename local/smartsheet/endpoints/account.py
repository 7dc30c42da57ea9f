"""`/users/me` and `/serverinfo`."""

from local.smartsheet.access import list_sheets
from local.smartsheet.accounts import COMPANY
from local.smartsheet.endpoints.call import Answer, Call

_SERVER_INFO: Answer = {
    "supportedLocales": ["en_US", "en_GB", "de_DE", "es_ES", "fr_FR", "it_IT", "ja_JP", "pt_BR"],
    "formats": {
        "defaults": "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,1",
        "fontFamily": [{"name": "Arial", "traits": ["sans-serif"]}, {"name": "Times New Roman", "traits": ["serif"]}],
        "fontSize": ["8", "9", "10", "12", "14", "16", "18", "20", "24", "28", "32", "36"],
        "bold": ["none", "on"],
        "italic": ["none", "on"],
        "underline": ["none", "on"],
        "strikethrough": ["none", "on"],
        "horizontalAlign": ["none", "left", "center", "right"],
        "verticalAlign": ["default", "top", "middle", "bottom"],
        "color": ["none", "#000000", "#FFFFFF", "#FEEEF0", "#FFFEE6", "#EAFAEE", "#E6F5FE"],
        "currency": [
            {"code": "none", "symbol": "none"},
            {"code": "EUR", "symbol": "€"},
            {"code": "USD", "symbol": "$"},
        ],
        "decimalCount": ["0", "1", "2", "3", "4", "5"],
        "thousandsSeparator": ["none", "on"],
        "numberFormat": ["none", "NUMBER", "CURRENCY", "PERCENT"],
        "textWrap": ["none", "on"],
        "dateFormat": ["LOCALE_BASED", "MMMM_D_YYYY", "D_MMM_YYYY", "YYYY_MM_DD_HYPHEN"],
    },
}


def me(call: Call) -> Answer:
    """`GET /users/me`: verifies a token."""
    user = call.user
    with call.database.read() as connection:
        owned = sum(sheet.level == "OWNER" for sheet in list_sheets(connection, user))
    return {
        "id": user.id,
        "email": user.email,
        "firstName": user.first_name,
        "lastName": user.last_name,
        "title": user.title,
        "department": user.department,
        "company": COMPANY,
        "locale": "en_GB",
        "timeZone": "Europe/Zurich",
        "account": {"id": 3960317285099396, "name": COMPANY},
        "admin": False,
        "licensedSheetCreator": True,
        "groupAdmin": False,
        "resourceViewer": False,
        "sheetCount": owned,
    }


def server_info(_: Call) -> Answer:
    """`GET /serverinfo`"""
    return _SERVER_INFO
