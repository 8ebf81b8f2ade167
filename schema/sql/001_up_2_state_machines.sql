SET LOCAL ROLE bench_owner;

-- One mechanism for every state machine: the legal steps are rows, one function refuses all others.
CREATE TABLE state_transitions (
    machine    text NOT NULL,
    from_state text NOT NULL,
    to_state   text NOT NULL,
    reason     text NOT NULL,
    CONSTRAINT pk_state_transitions PRIMARY KEY (machine, from_state, to_state),
    CONSTRAINT ck_state_transitions_machine CHECK (machine ~ '^[a-z][a-z_]*$'),
    CONSTRAINT ck_state_transitions_to_state CHECK (to_state ~ '^[a-z][a-z_]*$'),
    CONSTRAINT ck_state_transitions_changes CHECK (from_state <> to_state),
    CONSTRAINT ck_state_transitions_reason CHECK (btrim(reason) <> '')
);

COMMENT ON TABLE state_transitions IS
    'The legal steps of every state machine. The steps are data, so an examiner can read them and a revision can add one without touching code.';
COMMENT ON COLUMN state_transitions.machine IS 'Which life cycle the step belongs to: policy, claim, quote …';
COMMENT ON COLUMN state_transitions.from_state IS 'State before the step; the empty text stands for "not stored yet", so its rows are the allowed initial states.';
COMMENT ON COLUMN state_transitions.to_state IS 'State after the step.';
COMMENT ON COLUMN state_transitions.reason IS 'The business event that causes the step.';
COMMENT ON CONSTRAINT pk_state_transitions ON state_transitions IS
    'A step is legal or it is not; it is listed once. Also the index that every state check looks into. Remedy: keep the row that is there.';
COMMENT ON CONSTRAINT ck_state_transitions_machine ON state_transitions IS
    'Machine names are lower-case words, as they become part of an error''s constraint name. Remedy: use a-z and underscores.';
COMMENT ON CONSTRAINT ck_state_transitions_to_state ON state_transitions IS
    'A step leads to a named state; nothing goes back to "not stored yet". Remedy: name the state in a-z and underscores.';
COMMENT ON CONSTRAINT ck_state_transitions_changes ON state_transitions IS
    'Staying in a state is no step and is never checked. Remedy: leave the row out.';
COMMENT ON CONSTRAINT ck_state_transitions_reason ON state_transitions IS
    'A step without a business event behind it cannot be defended to an examiner. Remedy: state the event.';

CREATE FUNCTION enforce_state_transition() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    of_machine CONSTANT text := TG_ARGV[0];
    before     CONSTANT text := CASE TG_OP WHEN 'INSERT' THEN '' ELSE OLD.status END;
    allowed    text;
BEGIN
    PERFORM FROM public.state_transitions
      WHERE machine = of_machine AND from_state = before AND to_state = NEW.status;
    IF FOUND THEN
        RETURN NEW;
    END IF;

    SELECT string_agg(to_state, ', ' ORDER BY to_state) INTO allowed
      FROM public.state_transitions
      WHERE machine = of_machine AND from_state = before;
    RAISE EXCEPTION USING
        ERRCODE = 'check_violation',
        SCHEMA = TG_TABLE_SCHEMA,
        TABLE = TG_TABLE_NAME,
        COLUMN = 'status',
        CONSTRAINT = 'state_' || of_machine,
        MESSAGE = CASE before
            WHEN '' THEN format('a %s cannot begin as "%s"', of_machine, NEW.status)
            ELSE format('a %s cannot go from "%s" to "%s"', of_machine, before, NEW.status)
        END,
        HINT = CASE
            WHEN allowed IS NULL THEN format('"%s" is final: nothing follows it.', before)
            WHEN before = '' THEN format('It may begin as: %s.', allowed)
            ELSE format('From "%s" it may go to: %s.', before, allowed)
        END;
END
$$;

COMMENT ON FUNCTION enforce_state_transition() IS
    'Refuses a change of status, or a first status, that state_transitions does not list for the machine named as the trigger''s argument. Error 23514 with constraint state_<machine> and the allowed states as hint.';

CREATE FUNCTION set_updated_at() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION set_updated_at() IS
    'Keeps updated_at true whatever the application sends: reconciliation and exports rely on it.';

-- How a table is put under a machine. Two triggers, so that neither costs anything where it has nothing to say:
--
--   BEFORE UPDATE OF status … WHEN (OLD.status IS DISTINCT FROM NEW.status)
--   AFTER INSERT … WHEN (NOT pg_has_role('bench_owner', 'USAGE'))
--
-- The second exempts whoever acts with the owner's privileges: history that is loaded or taken over from another
-- system starts in the state it had there. The exemption gives nothing away, as an owner could drop the trigger; a
-- setting in its place could be set by anybody. It comes AFTER the row, as one BEFORE trigger, fired or not, makes
-- COPY insert row by row.
