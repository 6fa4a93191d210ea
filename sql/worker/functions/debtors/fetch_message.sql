create or replace function worker.fetch_message(
  p_iri text,
  p_debtor_id bigint,
  p_is_locator_fetch boolean,
  p_forced_iri text,
  p_recursion_level integer
)
  returns jsonb
  language sql
  stable
  parallel safe
begin atomic
  select jsonb_build_object(
    'type', 'FetchDebtorInfo',
    'iri', p_iri,
    'debtor_id', p_debtor_id,
    'is_locator_fetch', p_is_locator_fetch,
    'is_discovery_fetch', not p_is_locator_fetch,
    'forced_iri', p_forced_iri,
    'recursion_level', p_recursion_level,
    'ts', worker.now()
  );
end;

comment on function worker.fetch_message is
  'A FetchDebtorInfo message: a locator fetch (the newest document of a known address) or a discovery fetch '
  '(which address does the debtor claim?). Called where fetches are ordered.';
