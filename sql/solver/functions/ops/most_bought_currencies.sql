create or replace function solver.most_bought_currencies()
  returns table (buyers_average_count real, debtor_info_locator text, debtor_id bigint)
  language sql
  security definer
  stable
begin atomic
  select
    m.buyers_average_count,
    m.debtor_info_locator,
    m.debtor_id
  from solver.most_bought_currency as m
  order by m.buyers_average_count desc, m.debtor_id asc;
end;

comment on function solver.most_bought_currencies is
  'The currencies with the most buyers a turn, the most bought one first. There are at most as many as '
  'APP_NUMBER_OF_CURRENCIES_IN_BUYERS_COUNT_STATS says. Called by the admin API.';
