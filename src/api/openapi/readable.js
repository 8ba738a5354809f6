
// The page's own colours are too pale for many readers, and some of its parts have no name or no way in by keyboard.
{
  const colours = document.createElement('style');
  colours.textContent = `
    .swagger-ui .info .title small { background: #4a5161; }
    .swagger-ui .info .title small.version-stamp { background: #4c6a02; }
    .swagger-ui .info .url, .swagger-ui .info a, .swagger-ui a.nostyle, .swagger-ui .link { color: #1f5fae; }
    .swagger-ui .opblock:is(.opblock-get, .opblock-head, .opblock-options) .opblock-summary-method { background: #1d63a8; }
    .swagger-ui .opblock.opblock-post .opblock-summary-method { background: #1d7a4c; }
    .swagger-ui .opblock.opblock-put .opblock-summary-method { background: #8f5400; }
    .swagger-ui .opblock.opblock-patch .opblock-summary-method { background: #0a7566; }
    .swagger-ui .opblock.opblock-delete .opblock-summary-method { background: #b3201d; }
    .swagger-ui .parameter__in, .swagger-ui .prop-format, .swagger-ui .parameter__deprecated { color: #5a5a5a; }
    .swagger-ui .parameter__name.required span, .swagger-ui .parameter__name.required::after { color: #b3201d; }
    .swagger-ui .microlight span[style*="211, 99, 99"] { color: #ff9d9d !important; }
    .swagger-ui .btn.authorize, .swagger-ui .btn.authorize svg { color: #1d7a4c; fill: #1d7a4c; border-color: #1d7a4c; }
    .swagger-ui .btn.execute { background: #1d63a8; border-color: #1d63a8; }
    .swagger-ui .btn.cancel { color: #b3201d; border-color: #b3201d; }
  `;
  document.head.append(colours);

  let asked = false;
  const repair = () => {
    asked = false;
    for (const text of document.querySelectorAll('pre.microlight:not([tabindex])')) text.tabIndex = 0;
    for (const field of document.querySelectorAll('[data-param-name] :is(select, textarea, input):not([aria-label])')) {
      field.setAttribute('aria-label', field.closest('[data-param-name]').dataset.paramName);
    }
    // The button that it stands in leads to the same place.
    for (const link of document.querySelectorAll('.opblock-summary-control a[href]')) link.removeAttribute('href');
  };
  new MutationObserver(() => {
    if (!asked) requestAnimationFrame(repair);
    asked = true;
  }).observe(document, { childList: true, subtree: true });
}
