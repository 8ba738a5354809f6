
// In development mode: choose whom to act as. The token is put where «Authorize» would put it, so that the page's
// requests and the commands that it shows carry it.
window.addEventListener('load', async () => {
  const scheme = 'bearer';
  const answer = await fetch('people.json').catch(() => undefined);
  const people = answer?.ok ? (await answer.json()).data : [];
  if (people.length === 0) return;
  const choice = document.createElement('select');
  choice.id = 'act-as';
  choice.append(new Option('nobody', ''));
  for (const { id, name, role } of people) choice.append(new Option(`${id} · ${name} · ${role}`, id));
  const act = () => {
    const person = people.find(({ id }) => String(id) === choice.value);
    sessionStorage.setItem('act-as', choice.value);
    if (person) ui.preauthorizeApiKey(scheme, person.token);
    else if (ui.authSelectors.authorized()?.has(scheme)) ui.authActions.logout([scheme]);
  };
  choice.addEventListener('change', act);
  const label = document.createElement('label');
  label.append('Act as ', choice);
  label.style.cssText = 'position:sticky;top:0;z-index:9;display:block;padding:8px 20px;background:#fff;font:14px sans-serif;border-bottom:1px solid #ccc';
  document.body.prepend(label);
  // The page knows the scheme once it has read the document.
  const ready = () => ui.specSelectors.specJson().getIn(['components', 'securitySchemes', scheme]);
  const begin = () => {
    if (!ready()) return void setTimeout(begin, 100);
    choice.value = sessionStorage.getItem('act-as') ?? '';
    act();
  };
  begin();
});
