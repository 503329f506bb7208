"""Sample conversations in other languages than English, two of which are written from right to left."""

from __future__ import annotations

from .subjects import Subject, Tool, Turn

LANGUAGES = (
    Subject(
        "整理本周会议纪要",
        "Atlas",
        (
            Turn(
                "请把下面的会议记录整理成要点，并列出负责人。",
                "**要点**\n\n- 数据库升级推迟到下周三（负责人：林）\n"
                "- 会话列表的首屏时间从 4 秒降到 0.3 秒（负责人：周）\n"
                "- 下次会议前完成容量评估（负责人：陈）",
                "先找出决定，再找出待办事项。",
            ),
            Turn(
                "第二条再写得具体一些。",
                "列表改为按页读取索引，不再打开每一个文件；{{number}} 个用户的试用数据已经确认。",
            ),
        ),
        ("会议",),
    ),
    Subject(
        "مقارنة بين خطتي استضافة",
        "Atlas",
        (
            Turn(
                "قارن بين الخطتين من حيث السعر والذاكرة: الأولى 8 GB والثانية 16 GB.",
                "الخطة الأولى أرخص وتكفي حتى {{number}} مستخدمًا في الوقت نفسه. اختر الثانية إذا كانت "
                "قاعدة البيانات على الخادم نفسه.",
            ),
            Turn("وماذا عن النسخ الاحتياطي؟", "كلتاهما تحفظ نسخة يومية لمدة سبعة أيام."),
        ),
    ),
    Subject(
        "Größere Datenbank sichern",
        "Atlas",
        (
            Turn(
                "Wie sichere ich eine SQLite-Datenbank von {{number}} GB, während sie benutzt wird?",
                "Mit `VACUUM INTO`: das liest einen festen Stand, ohne Schreiber aufzuhalten.\n\n"
                "```sh\nsqlite3 app.db \"VACUUM INTO '/backup/app.db'\"\n```\n\n"
                "Die Datei dabei nur zu kopieren genügt nicht: der Rest steht noch im WAL.",
                "Ein Kopieren mit cp wäre nicht in sich stimmig.",
            ),
            Turn(
                "Und wie prüfe ich die Kopie?",
                "`PRAGMA integrity_check`, und einmal im Monat wirklich zurückspielen.",
            ),
        ),
        ("backup", "database"),
        {"source_tag": "telegram", "session_source": "messaging", "source_label": "Telegram"},
    ),
    Subject(
        "הסבר על אינדקסים ב-SQLite",
        "Thesis",
        (
            Turn(
                "למה השאילתה איטית למרות שיש אינדקס?",
                "כי הסדר של העמודות באינדקס לא מתאים למיון. נסה:\n\n"
                "```sql\nCREATE INDEX recent ON sessions (archived, updated_at DESC);\n```",
                "",
                (
                    Tool(
                        "terminal",
                        {"command": "sqlite3 app.db 'EXPLAIN QUERY PLAN SELECT …'"},
                        "SCAN sessions\nUSE TEMP B-TREE FOR ORDER BY",
                    ),
                ),
            ),
        ),
        ("database",),
    ),
    Subject(
        "日本語の敬語チェック",
        None,
        (
            Turn(
                "「資料を拝見させていただきました」は正しいですか。",
                "「拝見」がすでに謙譲語なので、二重敬語になります。「資料を拝見しました」で十分丁寧です。",
            ),
            Turn(
                "取引先へのメールを短くしてください。",
                "お世話になっております。資料を拝見しました。{{number}}日までにご返事いたします。",
            ),
        ),
        ("languages",),
    ),
    Subject(
        "Отчёт о задержках {{service}}",
        None,
        (
            Turn(
                "Почему 99-й процентиль вырос, если среднее не изменилось?",
                "Потому что медленных запросов мало: {{number}} из тысячи. Среднее их почти не замечает. "
                "Посмотрите, не совпадают ли они со сборкой мусора.",
            ),
        ),
        (),
        {"source_tag": "cron", "session_source": "cron", "source_label": "Cron"},
    ),
    Subject(
        "회의 일정 정리",
        None,
        (
            Turn(
                "다음 주 회의를 오전으로 모아 주세요.",
                "화요일과 목요일 오전으로 {{number}}건을 옮겼습니다. 겹치는 일정은 없습니다.",
            ),
        ),
    ),
    Subject(
        "Une recette de ratatouille pour douze",
        "Kitchen",
        (
            Turn(
                "Je cuisine pour douze personnes samedi. Combien de légumes ?",
                "Comptez 300 g de légumes par personne : 1 kg d'aubergines, 1 kg de courgettes, 1,2 kg de "
                "tomates et quatre poivrons. Faites cuire chaque légume à part, puis ensemble vingt minutes.",
            ),
        ),
        ("recipes",),
    ),
)
