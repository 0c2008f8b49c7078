"""Proves the pages of templates without script: languages, versions, what was typed stays, deleting."""

from __future__ import annotations

from tests.harness.visitor import Form, Seen, Visitor
from tests.integration.http.api_server import Server
from tests.integration.web.visits import Visit


async def save(visitor: Visitor, page: Seen, button: str, texts: list[tuple[str, str]], **more: str) -> Seen:
    """Fill a form with several languages in and press a button; follows where it leads."""
    form: Form = page.form(button)
    kept = [(n, v) for n, v in form.fields if n not in ("language", "text", *more)]
    fields = [*kept, *more.items()]
    for tag, text in texts:
        fields += [("language", tag), ("text", text)]
    fields += [(name, value) for words, name, value in form.buttons if button in words and name]
    answer = await visitor.post(form.action, fields)
    return await visitor.get(answer.headers["Location"]) if answer.status == 303 else answer


async def test_a_template_is_written_in_two_languages_and_changed_into_a_second_version(
    server: Server, visit: Visit
) -> None:
    visitor = await visit()
    page = await visitor.get("/templates/new")
    page = await save(visitor, page, "Add a language", [("en", "Hi {name}.")], name="trip")
    assert [n for n, _v in page.form("Save template").fields].count("text") == 2
    assert ("text", "Hi {name}.") in page.form("Save template").fields
    page = await save(visitor, page, "Save template", [("en", "Hi {name}."), ("de", "Hallo {name}, 你好.")])
    assert "trip" in page.text
    assert "{name}" in page.text
    assert "Unicode" in page.text
    listed = await visitor.get("/templates")
    assert "de, en" in listed.text
    assert "version 1" in listed.text

    edit = await visitor.get(page.url.removeprefix(visitor.origin) + "/edit")
    page = await save(visitor, edit, "Save version 2", [("en", "Hello {name}."), ("de", "")])
    assert "version 2" in page.text
    assert "Hello {name}." in page.text
    assert "Hallo" not in page.text
    old = await visitor.get(page.url.removeprefix(visitor.origin) + "?version=1")
    assert "Hallo {name}" in old.text
    assert "Messages are made from version 2" in old.text

    late = await save(visitor, edit, "Save version 2", [("en", "Too late")])
    assert late.status == 422
    assert "changed meanwhile" in late.text
    assert "Too late" in late.html


async def test_a_version_of_thousands_of_digits_is_no_defect(server: Server, visit: Visit) -> None:
    visitor = await visit()
    page = await save(
        visitor, await visitor.get("/templates/new"), "Save template", [("en", "Hi")], name="trip"
    )
    edit = await visitor.get(page.url.removeprefix(visitor.origin) + "/edit")
    saved = await save(visitor, edit, "Save version 2", [("en", "Hello")], from_version="9" * 5000)
    assert (saved.status, "version 2" in saved.text) == (200, True)


async def test_texts_that_do_not_agree_are_refused_at_the_language_at_fault(
    server: Server, visit: Visit
) -> None:
    visitor = await visit()
    page = await visitor.get("/templates/new")
    texts = [("en", "Hi {name}"), ("de", "Hallo {nmae}")]
    refused = await save(visitor, page, "Save template", texts, name="trip")
    assert refused.status == 422
    assert "lacks {name} and has {nmae}" in refused.text
    first, second = refused.html.split('id="text-2"')
    assert 'id="text-1"' in first
    assert 'aria-invalid="true"' not in first
    assert 'aria-invalid="true"' in second
    for texts, name, said in (
        ([("en", "")], "trip", "Write the text."),
        ([("en", "Hi")], "", "Give it a name."),
        ([("en", "Hi"), ("en", "Hello")], "trip", "A language stands twice."),
        ([("e n", "Hi")], "trip", "is refused"),
    ):
        refused = await save(visitor, page, "Save template", texts, name=name)
        assert refused.status == 422, said
        if said != "is refused":
            assert said in refused.text
    made = await save(visitor, page, "Save template", [("en", "Hi")], name="trip")
    assert made.status == 200
    taken = await save(visitor, page, "Save template", [("en", "Hi")], name="trip")
    assert taken.status == 422
    assert "has this name" in taken.text


async def test_a_deleted_template_is_gone_and_its_name_is_free(server: Server, visit: Visit) -> None:
    visitor = await visit()
    page = await save(
        visitor, await visitor.get("/templates/new"), "Save template", [("en", "Hi")], name="trip"
    )
    where = page.url.removeprefix(visitor.origin)
    listed = await visitor.press(page, "Delete trip")
    assert "No templates yet" in listed.text
    assert (await visitor.get(where)).status == 404
    again = await save(
        visitor, await visitor.get("/templates/new"), "Save template", [("en", "Hi")], name="trip"
    )
    assert again.status == 200


async def test_KEY_7_a_sandbox_session_sees_and_makes_templates_of_the_sandbox_only(
    server: Server, visit: Visit
) -> None:
    real = await server.call("POST", "/api/v1/templates", {"name": "real", "texts": {"en": "Geheim"}})
    visitor = await visit(server.sandbox)
    assert "real" not in (await visitor.get("/templates")).text.replace("already", "")
    assert (await visitor.get(f"/templates/{real.json['id']}")).status == 404
