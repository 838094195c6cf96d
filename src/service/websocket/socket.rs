//! What [`WebSocket`] does as the handler of a connection.

use std::sync::Arc;

use super::config::WebSocketConfig;
use super::handler::{WebSocket, WebSocketContext, WebSocketHandler};
use super::shared::with_scratch;
use super::talk::Talk;
use crate::handler::{Close, Context, Handler, Outgoing, Result, Timer};
use crate::wire::websocket::{Decoder, Event, Role, Scratch, Terms};

/// After so many bytes of messages the other connections have their turn: decompressed, what was
/// read in one visit may be a thousand times as long. 1 MiB.
const HEARD_PER_VISIT: usize = 1 << 20;

impl<H: WebSocketHandler> WebSocket<H> {
    /// A connection whose handshake is done.
    pub(super) fn new(
        role: Role,
        config: Arc<WebSocketConfig>,
        terms: Option<&Terms>,
        protocol: Option<&str>,
        handler: H,
    ) -> Self {
        let decoder = Decoder::new(role, config.limits, terms);
        Self { decoder, talk: Talk::new(role, config, terms, protocol), handler }
    }

    fn tell(
        &mut self,
        cx: &mut Context<'_, Self>,
        what: impl FnOnce(&mut H, &mut WebSocketContext<'_, H>) -> Result,
    ) -> Result {
        let (talk, output) = (&mut self.talk, &mut *cx.output);
        what(&mut self.handler, &mut WebSocketContext { talk, output, effects: cx.effects.lend() })
    }

    /// Hands over all that has come, as far as the handler takes it, and the others can wait.
    #[inline]
    fn hear(&mut self, cx: &mut Context<'_, Self>, scratch: &mut Scratch) -> Result {
        let mut heard = 0;
        while !self.talk.holds_back(cx.output) {
            if heard > HEARD_PER_VISIT {
                // What follows is in the input already: no event would tell of it.
                cx.effects.resume();
                break;
            }
            match self.decoder.decode(cx.input, scratch) {
                Ok(Some(event)) => {
                    heard += event.payload().len();
                    if !self.decoder.is_gathering() {
                        // The next message has a time of its own.
                        self.talk.time(false, &mut cx.effects);
                    }
                    let (talk, output) = (&mut self.talk, &mut *cx.output);
                    let effects = cx.effects.lend();
                    let mut cx = WebSocketContext { talk, output, effects };
                    react(event, &mut self.handler, &mut cx)?;
                }
                Ok(None) => break,
                Err(error) => {
                    self.talk.fail(error, cx.output, &mut cx.effects);
                    break;
                }
            }
        }
        Ok(())
    }
}

#[inline]
fn react<H: WebSocketHandler>(
    event: Event<'_>,
    handler: &mut H,
    cx: &mut WebSocketContext<'_, H>,
) -> Result {
    match event {
        // What crossed our close frame is dropped: the handler has said that this is the end.
        Event::Text(_) | Event::Binary(_) if !cx.talk.is_open() => Ok(()),
        Event::Text(text) => handler.on_text(text, cx),
        Event::Binary(bytes) => handler.on_binary(bytes, cx),
        Event::Ping(payload) => {
            cx.talk.ping(payload, cx.output, &mut cx.effects);
            Ok(())
        }
        Event::Pong(payload) => match cx.talk.pong(payload, &mut cx.effects) {
            Some(time) => handler.on_round_trip(time, cx),
            None => Ok(()),
        },
        Event::Close(code, reason) => {
            cx.talk.closed_by_peer(code, reason, cx.output, &mut cx.effects);
            Ok(())
        }
    }
}

impl<H: WebSocketHandler> Handler for WebSocket<H> {
    type Message = H::Message;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.talk.opened(&mut cx.effects);
        self.tell(cx, H::on_open)
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.talk.heard();
        with_scratch(|scratch| self.hear(cx, scratch))?;
        if self.talk.is_deaf() {
            cx.input.clear();
        }
        let is_awaited = self.decoder.is_gathering() && !self.talk.holds_back(cx.output);
        self.talk.time(is_awaited, &mut cx.effects);
        self.talk.count(self.decoder.held(), &mut cx.effects);
        Ok(())
    }

    fn on_eof(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.talk.ended(&mut cx.effects)
    }

    fn on_message(&mut self, message: H::Message, cx: &mut Context<'_, Self>) -> Result {
        self.tell(cx, |handler, cx| handler.on_message(message, cx))
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut Context<'_, Self>) -> Result {
        match timer {
            Talk::TIMER => self.talk.beat(cx.output, &mut cx.effects),
            timer => self.tell(cx, |handler, cx| handler.on_timer(timer, cx)),
        }
    }

    fn on_writable(&mut self, cx: &mut Context<'_, Self>) -> Result {
        if !self.talk.is_paused() {
            // Messages that have come already wait in the input, and no byte may follow them.
            cx.effects.resume();
        }
        self.tell(cx, H::on_writable)
    }

    fn on_drain(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.tell(cx, H::on_drain)
    }

    fn on_close(self, why: Close, outgoing: &mut Outgoing<'_>) {
        self.handler.on_close(self.talk.closed(why), outgoing);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Duration;

    use super::*;
    use crate::base::{Input, Output};
    use crate::engine::{Config, Limits};
    use crate::handler::{Deadline, Reason};
    use crate::service::websocket::{Closed, Heartbeat, Side};
    use crate::testing::Bench;
    use crate::wire::websocket::{
        CloseCode, Deflate, Deflater, Encoder, Frame, Kind, Mask, MessageLimits, Opcode,
        retry_after,
    };

    const SECOND: Duration = Duration::from_secs(1);

    /// Says everything back, and some words have a meaning.
    #[derive(Default)]
    struct Parrot {
        round_trips: Vec<Duration>,
        swallowed: usize,
        closed: Option<Sender<Closed>>,
    }

    impl WebSocketHandler for Parrot {
        type Message = String;

        fn on_text(&mut self, text: &str, cx: &mut WebSocketContext<'_, Self>) -> Result {
            match text {
                "pause" => cx.pause(),
                "timers" => {
                    let (last, soon) = (Timer::new(3), Duration::from_millis(1));
                    cx.arm(last, soon);
                    cx.arm_every(last, soon);
                    cx.disarm(last);
                }
                "bye" => cx.close(CloseCode::NORMAL, "as you wish"),
                text => cx.text(text),
            }
            Ok(())
        }

        fn on_binary(&mut self, bytes: &[u8], cx: &mut WebSocketContext<'_, Self>) -> Result {
            match bytes {
                [0, ..] => self.swallowed += 1,
                bytes => cx.binary(bytes),
            }
            Ok(())
        }

        fn on_message(&mut self, text: String, cx: &mut WebSocketContext<'_, Self>) -> Result {
            match &*text {
                "resume" => cx.resume(),
                "bye" => {
                    cx.close(CloseCode::NORMAL, "as you wish");
                    cx.pause();
                }
                _ => {}
            }
            cx.text(&text);
            Ok(())
        }

        fn on_round_trip(&mut self, time: Duration, _: &mut WebSocketContext<'_, Self>) -> Result {
            self.round_trips.push(time);
            Ok(())
        }

        fn on_close(self, closed: Closed, _: &mut Outgoing<'_>) {
            if let Some(to) = self.closed {
                to.send(closed).unwrap();
            }
        }
    }

    /// A WebSocket on the bench, and what its peer understands.
    struct Test {
        bench: Bench<WebSocket<Parrot>>,
        closed: Receiver<Closed>,
        role: Role,
        decoder: Decoder,
        input: Input,
    }

    impl Test {
        fn new(role: Role) -> Self {
            Self::with(role, Config { workers: 1, ..Config::default() })
        }

        fn with(role: Role, engine: Config) -> Self {
            let limits = MessageLimits { frame_max: 100_000, message_max: 200_000 };
            let config = WebSocketConfig { limits, ..WebSocketConfig::default() };
            let (to, closed) = channel();
            let parrot = Parrot { closed: Some(to), ..Parrot::default() };
            let socket = WebSocket::new(role, Arc::new(config), None, None, parrot);
            let peer = if role == Role::Server { Role::Client } else { Role::Server };
            let decoder = Decoder::new(peer, MessageLimits::default(), None);
            let bench = Bench::with(engine, socket);
            Self { bench, closed, role, decoder, input: Input::default() }
        }

        fn send(&mut self, frame: Frame<'_>) {
            let mut output = Output::default();
            frame.encode((self.role == Role::Server).then(|| Mask::new([1, 2, 3, 4])), &mut output);
            self.bench.data(&output.to_vec());
        }

        fn text(&mut self, text: &str) {
            self.send(Frame::new(Opcode::Text, text.as_bytes()));
        }

        fn close(&mut self, payload: &[u8]) {
            self.send(Frame::new(Opcode::Close, payload));
        }

        /// What the peer gets, as `Debug` shows it.
        fn heard(&mut self) -> Vec<String> {
            self.input.extend(&self.bench.take_output());
            let (mut scratch, mut heard) = (Scratch::default(), Vec::new());
            while let Some(event) = self.decoder.decode(&mut self.input, &mut scratch).unwrap() {
                heard.push(format!("{event:?}"));
            }
            heard
        }

        fn closed(&mut self) -> Closed {
            self.closed.try_recv().expect("the WebSocket is not closed")
        }
    }

    /// What a client sends.
    fn masked(frame: Frame<'_>) -> Vec<u8> {
        let mut output = Output::default();
        frame.encode(Some(Mask::new([1, 2, 3, 4])), &mut output);
        output.to_vec()
    }

    fn said(event: Event<'_>) -> Vec<String> {
        vec![format!("{event:?}")]
    }

    const BYE: &[u8] = b"\x03\xe8bye";

    #[test]
    fn messages_are_handed_over_and_pings_are_answered() {
        for role in [Role::Server, Role::Client] {
            let mut test = Test::new(role);
            test.text("hello");
            test.send(Frame::new(Opcode::Ping, b"there?"));
            test.send(Frame::new(Opcode::Binary, &[7; 70_000]));
            let expected =
                [Event::Text("hello"), Event::Pong(b"there?"), Event::Binary(&[7; 70_000])];
            assert_eq!(test.heard(), expected.map(|event| format!("{event:?}")));
            test.bench.message("from elsewhere".into());
            assert_eq!(test.heard(), said(Event::Text("from elsewhere")));
        }
    }

    #[test]
    fn a_client_masks_each_frame_with_another_key() {
        let mut test = Test::new(Role::Client);
        let keys: Vec<[u8; 4]> = (0..100)
            .map(|_| {
                test.text("x");
                *test.bench.take_output()[2..].first_chunk().unwrap()
            })
            .collect();
        assert!((1..100).all(|at| !keys[..at].contains(&keys[at])));
    }

    #[test]
    fn the_peer_says_the_end_and_is_answered_with_its_own_code() {
        let mut test = Test::new(Role::Server);
        test.close(BYE);
        assert_eq!(test.heard(), said(Event::Close(CloseCode::NORMAL, "")));
        let closed = test.closed();
        assert_eq!(
            (closed.code, &*closed.reason, closed.by),
            (CloseCode::NORMAL, "bye", Side::Peer)
        );
        assert!(closed.is_clean && matches!(closed.why, Close::ByUs));
        // A client leaves it to the server to end the connection, but does not wait for ever.
        let mut test = Test::new(Role::Client);
        test.close(b"");
        assert_eq!(test.heard(), said(Event::Close(CloseCode::NO_STATUS, "")));
        assert_eq!(test.bench.closed(), None);
        test.bench.advance(5 * SECOND);
        assert_eq!(test.closed().code, CloseCode::NO_STATUS);
    }

    #[test]
    fn our_end_waits_for_the_peers_but_not_for_ever() {
        for answers in [true, false] {
            let mut test = Test::new(Role::Server);
            test.text("bye");
            test.text("what crosses the end is dropped");
            test.send(Frame::new(Opcode::Ping, b"and not answered"));
            test.send(Frame::new(Opcode::Binary, &[0]));
            assert_eq!(test.bench.handler().handler.swallowed, 0);
            test.bench.message("and nothing is said after it".into());
            assert_eq!(test.heard(), said(Event::Close(CloseCode::NORMAL, "as you wish")));
            match answers {
                true => test.close(BYE),
                false => test.bench.advance(5 * SECOND),
            }
            let closed = test.closed();
            assert_eq!((closed.code, closed.by), (CloseCode::NORMAL, Side::Us));
            assert_eq!(closed.is_clean, answers);
        }
    }

    #[test]
    fn who_says_the_end_while_it_is_paused_hears_the_peers() {
        let mut test = Test::new(Role::Server);
        test.text("pause");
        test.bench.message("bye".into());
        test.close(BYE);
        assert_eq!(test.heard(), said(Event::Close(CloseCode::NORMAL, "as you wish")));
        assert!(test.closed().is_clean);
    }

    #[test]
    fn who_breaks_the_protocol_is_told_how_and_not_listened_to() {
        let mut test = Test::new(Role::Server);
        test.text("good");
        test.bench.data(b"\x81\x03bad");
        test.text("of no use");
        let expected =
            [Event::Text("good"), Event::Close(CloseCode::PROTOCOL, "a frame is not masked")];
        assert_eq!(test.heard(), expected.map(|event| format!("{event:?}")));
        assert!(test.bench.is_finished() && test.bench.unread().is_empty());
        test.bench.eof();
        assert_eq!(test.bench.closed_because(), Some("wire: a frame is not masked, at byte 0"));
        assert_eq!((test.closed().by, test.bench.closed()), (Side::Us, Some(Reason::Wire)));
        // One that goes on is not listened to for long.
        let mut test = Test::new(Role::Server);
        test.bench.data(b"\x81\x03bad");
        test.bench.advance(2 * SECOND);
        assert_eq!(test.bench.closed(), Some(Reason::Wire));
    }

    #[test]
    fn a_peer_that_is_lost_is_found_out_and_one_that_answers_is_timed() {
        let mut test = Test::new(Role::Server);
        test.bench.advance(25 * SECOND);
        assert_eq!(test.heard(), said(Event::Ping(&[0, 0, 0, 1])));
        test.bench.advance(SECOND);
        test.send(Frame::new(Opcode::Pong, &[0, 0, 0, 1]));
        assert_eq!(test.bench.handler().handler.round_trips.len(), 1);
        assert!(test.bench.handler().handler.round_trips[0] >= SECOND);
        test.bench.advance(50 * SECOND);
        assert_eq!(test.bench.closed(), Some(Reason::LateHeartbeat));
        let closed = test.closed();
        assert_eq!((closed.code, closed.by), (CloseCode::ABNORMAL, Side::Neither));
    }

    #[test]
    fn a_handler_has_no_say_in_when_pings_are_sent() {
        let mut test = Test::new(Role::Server);
        test.text("timers");
        test.bench.advance(SECOND);
        assert!(test.heard().is_empty());
        test.bench.advance(25 * SECOND);
        assert_eq!(test.heard(), said(Event::Ping(&[0, 0, 0, 1])));
    }

    #[test]
    fn what_came_while_the_loop_was_held_up_is_read_before_a_peer_is_taken_for_dead() {
        // Too short for the moment of the ping to be drawn.
        let every = Duration::from_millis(3);
        let heartbeat = Some(Heartbeat { every, timeout: 20 * SECOND });
        let config = WebSocketConfig { heartbeat, ..WebSocketConfig::default() };
        let parrot = Parrot::default();
        let mut bench =
            Bench::new(WebSocket::new(Role::Server, Arc::new(config), None, None, parrot));
        bench.advance(every);
        bench.advance(20 * SECOND);
        bench.data(&masked(Frame::new(Opcode::Pong, &[0, 0, 0, 1])));
        assert_eq!((bench.closed(), bench.handler().handler.round_trips.len()), (None, 1));
        bench.advance(every);
        bench.advance(20 * SECOND);
        assert_eq!(bench.closed(), None);
        bench.advance(SECOND);
        assert_eq!(bench.closed(), Some(Reason::LateHeartbeat));
    }

    #[test]
    fn while_it_is_paused_messages_wait() {
        let mut test = Test::new(Role::Server);
        let mut output = Output::default();
        for text in ["pause", "later"] {
            let frame = Frame::new(Opcode::Text, text.as_bytes());
            frame.encode(Some(Mask::new([9; 4])), &mut output);
        }
        test.bench.data(&output.to_vec());
        // Whoever is not read from is not dead.
        test.bench.advance(20 * 20 * SECOND);
        assert!(test.bench.is_paused());
        assert!(!test.heard().contains(&"Text(\"later\")".to_owned()));
        test.bench.message("resume".into());
        assert_eq!(test.heard(), ["Text(\"resume\")", "Text(\"later\")"]);
    }

    #[test]
    fn who_reads_no_answers_gets_no_further_ones_and_all_of_them_later() {
        let mut test = Test::new(Role::Server);
        test.bench.set_window(10_000);
        let mut output = Output::default();
        for number in 0..50 {
            let payload = [number + 1; 20_000];
            let frame = Frame::new(Opcode::Binary, &payload);
            frame.encode(Some(Mask::new([9; 4])), &mut output);
        }
        test.bench.data(&output.to_vec());
        assert!(test.bench.is_congested() && test.bench.unsent() < 400_000);
        let heard: usize = (0..200).map(|_| test.heard().len()).sum();
        assert_eq!(heard, 50);
        assert!(!test.bench.is_congested());
    }

    /// Compression without memory of what came before.
    const TERMS: Terms =
        Terms { takeover: false, peer_takeover: false, window_bits: 15, peer_window_bits: 15 };

    /// Messages that are small on the wire, and a MiB each when they are inflated.
    fn bombs(count: usize) -> Output {
        let mut encoder = Encoder::new(Some(&TERMS), &Deflate { level: 9, ..Deflate::default() });
        let (mut output, mask) = (Output::default(), Some(Mask::new([9; 4])));
        for _ in 0..count {
            let (message, deflater) = (vec![0; 1 << 20], &mut Deflater::new());
            encoder.message(Kind::Binary, &message, mask, deflater, &mut output);
        }
        output
    }

    #[test]
    fn bombs_are_taken_a_few_at_a_time_and_none_is_lost() {
        const BOMBS: usize = 40;
        let socket =
            WebSocket::new(Role::Server, Arc::default(), Some(&TERMS), None, Parrot::default());
        let mut bench = Bench::new(socket);
        let bombs = bombs(BOMBS);
        assert!(bombs.len() < 100_000);
        bench.data(&bombs.to_vec());
        assert_eq!(bench.handler().handler.swallowed, BOMBS);
    }

    #[test]
    fn what_a_peer_said_before_its_end_is_heard_though_it_takes_several_visits() {
        let (to, closed) = channel();
        let parrot = Parrot { closed: Some(to), ..Parrot::default() };
        let socket = WebSocket::new(Role::Server, Arc::default(), Some(&TERMS), None, parrot);
        let mut bench = Bench::new(socket);
        // Paused, so that all of it is read together with its end.
        bench.data(&masked(Frame::new(Opcode::Text, b"pause")));
        bench.data(&bombs(5).to_vec());
        bench.data(&masked(Frame::new(Opcode::Close, BYE)));
        bench.eof();
        bench.message("resume".into());
        let closed = closed.try_recv().unwrap();
        assert_eq!((closed.code, closed.by), (CloseCode::NORMAL, Side::Peer));
    }

    #[test]
    fn a_message_that_does_not_end_is_given_up() {
        let mut test = Test::new(Role::Server);
        test.send(Frame { fin: false, ..Frame::new(Opcode::Text, b"once upon a") });
        assert_eq!(test.bench.deadline(Deadline::Read), Some(60 * SECOND));
        test.bench.advance(10 * SECOND);
        test.send(Frame { fin: false, ..Frame::new(Opcode::Continuation, b" time") });
        assert_eq!(test.bench.deadline(Deadline::Read), Some(50 * SECOND));
        test.send(Frame::new(Opcode::Continuation, b"."));
        assert_eq!(test.heard(), said(Event::Text("once upon a time.")));
        assert_eq!(test.bench.deadline(Deadline::Read), None);
    }

    #[test]
    fn who_sends_one_long_message_after_the_other_is_not_cut_off() {
        let mut test = Test::new(Role::Server);
        let frame = masked(Frame::new(Opcode::Binary, &[0; 1000]));
        let (first, second) = frame.split_at(500);
        test.bench.data(first);
        // Whenever it is looked at, a message has begun and not ended; but each takes a second.
        for _ in 0..100 {
            test.bench.advance(SECOND);
            test.bench.data(&[second, first].concat());
        }
        assert_eq!((test.bench.closed(), test.bench.handler().handler.swallowed), (None, 100));
        assert_eq!(test.bench.deadline(Deadline::Read), Some(60 * SECOND));
    }

    #[test]
    fn what_messages_take_before_they_are_whole_counts_to_the_memory_of_the_process() {
        let part = vec![b'x'; 60_000];
        let fragment = |opcode| Frame { fin: false, ..Frame::new(opcode, &part) };
        let limits = Limits { memory_max: 100_000, ..Limits::default() };
        let mut test = Test::with(Role::Server, Config { limits, ..Config::default() });
        test.send(fragment(Opcode::Binary));
        assert!(test.bench.memory() >= 60_000);
        test.send(fragment(Opcode::Continuation));
        assert_eq!(test.bench.closed(), Some(Reason::OverMemory));
        let mut test = Test::new(Role::Server);
        test.send(fragment(Opcode::Binary));
        test.send(fragment(Opcode::Continuation));
        assert!(test.bench.memory() >= 120_000);
        test.send(Frame::new(Opcode::Continuation, b""));
        assert_eq!((test.heard().len(), test.bench.memory()), (1, 0));
    }

    #[test]
    fn compressors_of_a_connections_own_count_to_the_memory_of_the_process() {
        let terms =
            Terms { takeover: true, peer_takeover: true, window_bits: 15, peer_window_bits: 15 };
        let socket =
            WebSocket::new(Role::Server, Arc::default(), Some(&terms), None, Parrot::default());
        let mut bench = Bench::new(socket);
        let compressor = bench.memory();
        assert!(compressor >= 250_000, "{compressor}");
        let mut encoder = Encoder::new(Some(&terms), &Deflate::default());
        let mut output = Output::default();
        let (message, mask) = (vec![1; 5000], Some(Mask::new([9; 4])));
        encoder.message(Kind::Binary, &message, mask, &mut Deflater::new(), &mut output);
        bench.data(&output.to_vec());
        assert!(bench.memory() > compressor, "{}", bench.memory());
    }

    #[test]
    fn when_the_server_goes_down_each_is_closed_in_its_turn_with_a_hint() {
        let mut test = Test::new(Role::Server);
        test.bench.drain();
        test.text("still there");
        assert_eq!(test.heard(), said(Event::Text("still there")));
        test.bench.advance(5 * SECOND);
        let mut scratch = Scratch::default();
        test.input.extend(&test.bench.take_output());
        let Ok(Some(Event::Close(code, reason))) =
            test.decoder.decode(&mut test.input, &mut scratch)
        else {
            panic!("it was not closed")
        };
        assert_eq!(code, CloseCode::SERVICE_RESTART);
        assert!(retry_after(reason).is_some_and(|wait| wait <= 5 * SECOND), "{reason}");
    }

    #[test]
    fn a_client_that_goes_down_says_that_it_goes_away() {
        let mut test = Test::new(Role::Client);
        test.bench.drain();
        test.bench.advance(5 * SECOND);
        assert_eq!(test.heard(), said(Event::Close(CloseCode::GOING_AWAY, "")));
    }

    #[test]
    fn a_connection_that_ends_without_a_word_is_told_apart() {
        let mut test = Test::new(Role::Server);
        test.bench.eof();
        let closed = test.closed();
        assert_eq!((closed.code, closed.by), (CloseCode::ABNORMAL, Side::Neither));
        assert!(!closed.is_clean && matches!(closed.why, Close::ByPeer));
    }

    #[test]
    fn an_idle_one_is_small() {
        let size = size_of::<WebSocket<Parrot>>() - size_of::<Parrot>();
        assert!(size <= 320, "{size}");
    }
}
