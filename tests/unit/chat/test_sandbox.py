# SPDX-License-Identifier: Apache-2.0
"""What a foreign template may do: all that chat templates need, and nothing without end."""

from __future__ import annotations

import time
import tracemalloc
from datetime import UTC, datetime

import pytest

from engine.chat.template import ChatTemplate, TemplateRefused
from engine.errors import TemplateInvalid

CLOCK = datetime(2026, 11, 20, 9, 8, 7, tzinfo=UTC)
MESSAGES = [{"role": "user", "content": " Hello, 'you' <b>ü</b>\n"}]

LEGAL = {
    "{{ messages[0].content | trim }}": "Hello, 'you' <b>ü</b>",
    "{{ messages[0]['content'] | tojson }}": "\" Hello, 'you' <b>ü</b>\\n\"",
    "{{ {'b': 1, 'a': [2]} | tojson(indent=1) }}": '{\n "b": 1,\n "a": [\n  2\n ]\n}',
    "{{ {'b': 1, 'a': 2} | tojson(sort_keys=true, separators=(',', ':')) }}": '{"a":2,"b":1}',
    "{% set ns = namespace(n=0) %}{% for i in range(5) %}{% set ns.n = ns.n + i %}{% endfor %}"
    "{{ ns.n }}": "10",
    "{% for i in range(9) %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}": "01",
    "{% for i in range(3) %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% endfor %}": "02",
    "{% macro f(x) %}<{{ x }}>{% endmacro %}{{ f('a') ~ f(1) }}": "<a><1>",
    "{% generation %}a{% set x = 'b' %}{{ x }}{% endgeneration %}c": "abc",
    "{{ strftime_now('%d %b %Y %H:%M') }}": "20 Nov 2026 09:08",
    "{{ 'a,b'.split(',')[-1] }}{{ 'x' * 3 }}{{ '%s-%d' % ('y', 2) }}": "bxxxy-2",
    "{{ '{}:{}'.format(1, 'z') }}{{ ['a', 'b'] | join('+') }}": "1:za+b",
    "{{ undefined_thing }}|{{ bos_token }}": "|<s>",
    "{{ messages | map(attribute='role') | list | length }}": "1",
    "{{ (messages | selectattr('role', 'equalto', 'user') | first).role }}": "user",
    "{{ dict(a=1).items() | list }}": "[('a', 1)]",
    "{{ 'ab'.replace('a', 'c') | upper }}{{ 'x' | replace('x', 'yy') }}": "CByy",
    "{%- set x -%} block {%- endset -%}{{ x }}": "block",
    "{% if true %}\n  a\n{% endif %}\nb": "  a\nb",
    "{{ 2 ** 10 }}{{ 7 // 2 }}": "10243",
    "{{ 'a\nb' | indent(2) }}": "a\n  b",
}


def render(source: str) -> str:
    tokens = {"bos_token": "<s>"}
    return ChatTemplate(source, special_tokens=tokens, clock=CLOCK).render(MESSAGES)


@pytest.mark.parametrize("source", LEGAL)
def test_what_chat_templates_use_renders_as_expected(source: str) -> None:
    assert render(source) == LEGAL[source]


def test_legal_templates_render_as_transformers_renders_them() -> None:
    from transformers.utils.chat_template_utils import render_jinja_template

    for source, wanted in LEGAL.items():
        if "strftime_now" not in source:
            texts, _indices = render_jinja_template(
                conversations=[MESSAGES], chat_template=source, bos_token="<s>"
            )
            assert texts == [wanted]


EVIL = (
    # --- reaching Python
    "{{ ''.__class__.__mro__ }}",
    "{{ ''['__class__'] }}",
    "{{ messages.__class__.__init__.__globals__ }}",
    "{{ ''|attr('__class__') }}",
    "{{ '{0.__class__}'.format('') }}",
    "{{ '{x.__class__}'.format_map({'x': ''}) }}",
    "{{ lipsum.__globals__['os'].system('true') }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ self.__init__.__globals__ }}",
    "{{ strftime_now.__self__ }}",
    "{{ raise_exception.__globals__ }}",
    "{{ range.__class__ }}",
    "{% set ns = namespace() %}{% set ns.__class__ = 1 %}",
    "{{ messages.append(1) }}",
    "{{ messages[0].update(a=1) }}",
    "{% include 'config.json' %}",
    "{% import 'x' as y %}",
    "{% extends 'x' %}",
    # --- work and memory without end
    "{% for a in range(10000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}",
    "{{ range(10**10) | list }}",
    "{{ range(99999) | sum }}",
    "{{ 'x' * 10**9 }}",
    "{{ 10**9 * 'x' }}",
    "{{ [0] * 10**9 }}",
    "{{ 10 ** 10 ** 10 }}",
    "{% set n = namespace(v=9) %}{% for i in range(99) %}{% set n.v = n.v * n.v %}{% endfor %}",
    "{% set n = namespace(v='x') %}{% for i in range(99) %}{% set n.v = n.v + n.v %}{% endfor %}",
    "{% set n = namespace(v='x') %}{% for i in range(99) %}{% set n.v = n.v ~ n.v %}{% endfor %}",
    "{% set n = namespace(v='x') %}{% for i in range(99) %}{% set n.v = [n.v, n.v] | join %}"
    "{% endfor %}",
    "{% macro f(s) %}{{ f(s ~ s) }}{% endmacro %}{{ f('x') }}",
    "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}",
    "{% set x = 'x' * 9999999 %}{% for i in range(9999) %}{{ x }}{% endfor %}",
    "{{ 'x'.center(10**9) }}",
    "{{ 'x'.ljust(10**9) }}",
    "{{ '{:1000000000}'.format(1) }}",
    "{{ '{:{w}}'.format(1, w=10**9) }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '%*d' % (10**9, 1) }}",
    "{{ strftime_now('%1000000000Y') }}",
    "{{ 'x' | center(10**9) }}",
    "{{ 'x\ny' | indent(10**9) }}",
    "{% set x = 'x' * 9999 %}{{ x.replace('x', x).replace('x', x) }}",
    "{% set x = 'x' * 9999 %}{{ x | replace('x', x) | replace('x', x) }}",
    "{{ {} | tojson(indent=10**9) }}",
    # --- shadowing what keeps count
    "{% set environment = 1 %}{% set step = 1 %}{% set measured = 1 %}"
    "{% for a in range(10000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}",
)


@pytest.mark.parametrize("source", EVIL)
def test_evil_template_is_stopped_quickly_and_changes_nothing(source: str) -> None:
    before = [dict(one) for one in MESSAGES]
    started = time.process_time()
    try:
        text = render(source)
    except (TemplateInvalid, TemplateRefused):
        text = ""
    assert text == ""
    assert before == MESSAGES
    assert time.process_time() - started < 1.5


@pytest.mark.parametrize("source", [one for one in EVIL if "1000000000" in one or "10**9" in one])
def test_huge_text_is_refused_before_it_is_made(source: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises((TemplateInvalid, TemplateRefused)):
            render(source)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 20_000_000


def test_refusal_by_the_template_itself_is_told_apart_with_its_reason() -> None:
    with pytest.raises(TemplateRefused, match="no system"):
        render("{{ raise_exception('no system') }}")


def test_clock_stands_still_for_the_whole_life_of_a_template() -> None:
    template = ChatTemplate("{{ strftime_now('%S%f') }}", special_tokens={}, clock=CLOCK)
    assert template.render([]) == template.render([]) == "07000000"


def test_budget_is_new_for_every_rendering() -> None:
    source = "{% for a in range(9000) %}{% for b in range(60) %}{% endfor %}{% endfor %}ok"
    template = ChatTemplate(source, special_tokens={}, clock=CLOCK)
    assert [template.render([]) for _ in range(3)] == ["ok"] * 3
