/** `Link: <?limit=20&cursor=…>; rel="next"`, relative to the list: the path of the page after this one; undefined after the last. */
export function nextPage(path: string, headers: Headers): string | undefined {
  const query = /<(\?[^>]*)>; rel="next"/.exec(headers.get('link') ?? '')?.[1];
  return query && path.split('?')[0] + query;
}
