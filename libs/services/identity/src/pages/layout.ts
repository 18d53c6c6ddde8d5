/** What every hosted page has around its content. No script, no file of another place; light and dark, left and right. */
export const layout = `<!doctype html>
<html lang="{{ language }}" dir="{{ direction }}">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex"><link rel="icon" href="{% if logo %}{{ logo }}{% else %}/favicon.ico{% endif %}">
<title>{{ title }} · {{ brand }}</title>
<style nonce="{{ nonce }}">
:root{color-scheme:light dark;--accent:{{ color }};--on-accent:{{ onColor }};--link:{{ linkColor }};--ink:#16202e;--soft:#566275;--line:#8b97a8;--edge:#dfe4ec;--card:#fff;--ground:#f1f4f9;--bad:#a3221b;--bad-ground:#fdeeec;--bad-line:#e9b4b0;--good:#14653a;--good-ground:#e9f7ef;--good-line:#a9d8bd}
@media (prefers-color-scheme:dark){:root{--link:#8fb8ff;--ink:#eef2f8;--soft:#adb8c8;--line:#65748a;--edge:#2b3646;--card:#18202c;--ground:#0e141d;--bad:#ffb4ad;--bad-ground:#3a1d1c;--bad-line:#6e3531;--good:#8fdcb0;--good-ground:#15301f;--good-line:#2c5c3e}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:24px;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Noto Sans Arabic",sans-serif;-webkit-text-size-adjust:100%}
main{width:100%;max-width:420px;background:var(--card);border:1px solid var(--edge);border-radius:16px;padding:36px 32px;box-shadow:0 1px 2px rgb(15 30 60/.06),0 12px 36px rgb(15 30 60/.08)}main.wide{max-width:820px}
@media (max-width:480px){body{padding:0;place-items:stretch;background:var(--card)}main{border:0;border-radius:0;box-shadow:none;padding:28px 22px}}
.brand{font-weight:650;color:var(--ink);margin:0 0 22px;display:flex;gap:10px;align-items:center}.brand img{height:32px}
.mark{display:grid;place-items:center;width:32px;height:32px;border-radius:9px;background:var(--accent);color:var(--on-accent);font-weight:700}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 6px;overflow-wrap:anywhere}h2{font-size:1.05rem;margin:28px 0 8px}p{margin:0 0 14px;color:var(--soft);overflow-wrap:anywhere}
label{display:block;font-weight:600;margin:16px 0 6px}.hint{font-size:.875rem;margin:6px 0 0}
input:not([type=hidden]){width:100%;font:inherit;color:inherit;background:transparent;border:1px solid var(--line);border-radius:10px;padding:11px 13px}
input.code{letter-spacing:.4em;font-size:1.35rem;text-align:center}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
button{font:inherit;font-weight:600;width:100%;min-height:48px;margin-top:20px;padding:11px 14px;border-radius:10px;border:1px solid transparent;background:var(--accent);color:var(--on-accent);cursor:pointer}
button:hover{filter:brightness(1.08)}button.quiet{background:transparent;color:var(--ink);border-color:var(--line);margin-top:12px}
a{color:var(--link);text-underline-offset:3px}.links{margin:20px 0 0;display:grid;gap:8px}
.box{border:1px solid;border-radius:10px;padding:10px 13px;margin:14px 0 0}.problem{color:var(--bad);background:var(--bad-ground);border-color:var(--bad-line)}.done{color:var(--good);background:var(--good-ground);border-color:var(--good-line)}
ul{padding:0;margin:14px 0 4px;list-style:none}li{padding:10px 0;border-top:1px solid var(--edge);display:flex;gap:10px;justify-content:space-between}li:first-child{border-top:0}.tag{color:var(--soft);font-size:.875rem}
details{border-top:1px solid var(--edge);padding:14px 0}details[open]{padding-bottom:22px}summary{font-weight:600;cursor:pointer}
pre{white-space:pre-wrap;overflow-wrap:anywhere;font:inherit;margin:8px 0}code{overflow-wrap:anywhere;font-size:.875rem}
article{border-top:1px solid var(--edge);padding:16px 0}article h2{margin:0 0 2px}
</style>
</head>
<body><main{% if wide %} class="wide"{% endif %}>
<p class="brand">{% if logo %}<img src="{{ logo }}" alt="">{% else %}<span class="mark" aria-hidden="true">{{ initial }}</span>{% endif %}{{ brand }}</p>
<h1>{{ title }}</h1>
{% if lead %}<p>{{ lead }}</p>{% endif %}
{% if problem %}<p class="box problem" role="alert">{{ problem }}</p>{% endif %}
{% if done %}<p class="box done" role="status">{{ done }}</p>{% endif %}
BODY
</main></body>
</html>`
