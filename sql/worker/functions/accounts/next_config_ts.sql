create or replace function worker.next_config_ts(p_known_ts timestamptz)
  returns timestamptz
  language sql
  stable
  parallel safe
begin atomic
  select case
    when p_known_ts >= worker.now()
      then least(p_known_ts, timestamptz '9999-12-30 00:00+00') + interval '1 ms'
    else worker.now()
  end;
end;

comment on function worker.next_config_ts is
  'ts for a ConfigureAccount that an authority applies which knows that of p_known_ts (null: none): now, or a moment '
  'later than that one if our clock is behind; never so late that some time zone writes it with a year of five digits, '
  'which the wire refuses. Called where accounts are configured.';
