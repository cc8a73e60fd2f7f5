// The address after the hash is `#/section/id`. That is all the routing a desk
// needs: a reload, a bookmark and the back button keep their place.
import { onScopeDispose, type Ref, ref } from 'vue'
import { SECTIONS, type SectionId } from './permissions'

export interface Route {
  section: SectionId
  /** What is open in the section, or '' for the list alone. */
  id: string
}

export function parseRoute(hash: string): Route {
  const [, section = '', ...rest] = hash.replace(/^#/, '').split('/')
  const known = SECTIONS.find((s) => s.id === section)
  return known ? { section: known.id, id: decode(rest.join('/')) } : { section: 'overview', id: '' }
}

export function routeHash(route: Route): string {
  return route.id === '' ? `#/${route.section}` : `#/${route.section}/${encodeURIComponent(route.id)}`
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return ''
  }
}

export function useRoute(view: Window = window): { route: Ref<Route>; go: (to: Route, replace?: boolean) => void } {
  const route = ref(parseRoute(view.location.hash)) as Ref<Route>
  const read = () => {
    route.value = parseRoute(view.location.hash)
  }
  view.addEventListener('hashchange', read)
  onScopeDispose(() => view.removeEventListener('hashchange', read))
  const go = (to: Route, replace = false) => {
    if (replace) view.history.replaceState(null, '', routeHash(to))
    else view.location.hash = routeHash(to)
    read()
  }
  return { route, go }
}
